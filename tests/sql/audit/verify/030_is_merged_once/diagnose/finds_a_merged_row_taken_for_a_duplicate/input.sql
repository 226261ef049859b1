UPDATE staging.outcome SET fate = 'duplicate' WHERE seq = 6;
