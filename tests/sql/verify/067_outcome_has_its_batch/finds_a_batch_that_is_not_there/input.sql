ALTER TABLE staging.outcome DROP CONSTRAINT outcome_run_id_fkey;
UPDATE staging.outcome SET run_id = 7 WHERE seq = 5;
