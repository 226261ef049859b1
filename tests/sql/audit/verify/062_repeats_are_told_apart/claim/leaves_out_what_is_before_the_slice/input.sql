UPDATE staging.outcome SET fate = 'conflict' WHERE seq = 2;
