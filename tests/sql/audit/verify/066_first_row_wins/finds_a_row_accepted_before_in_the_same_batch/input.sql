UPDATE staging.outcome SET fate = 'merged' WHERE seq = 2;
UPDATE staging.outcome SET fate = 'duplicate' WHERE seq = 1;
