UPDATE staging.outcome SET fate = 'conflict' WHERE seq = 2;
UPDATE staging.outcome SET fate = 'duplicate' WHERE seq = 3;
