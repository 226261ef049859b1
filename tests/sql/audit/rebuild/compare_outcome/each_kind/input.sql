ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
INSERT INTO staging.outcome SELECT o.* FROM staging.outcome AS o WHERE o.seq = 105;
DELETE FROM staging.outcome WHERE seq = 104;
DELETE FROM rebuilt_outcome WHERE seq = 106;
UPDATE staging.outcome SET entity_id = 5 WHERE seq = 101;
UPDATE staging.outcome SET fate = 'conflict' WHERE seq = 102;
UPDATE staging.outcome SET run_id = 52 WHERE seq = 103;
UPDATE staging.outcome SET reason = 'bad_id' WHERE seq = 109;
UPDATE staging.outcome SET stream = 'diagnose' WHERE seq = 108;
