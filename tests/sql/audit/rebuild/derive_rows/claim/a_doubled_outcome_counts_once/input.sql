ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
INSERT INTO staging.outcome SELECT o.* FROM staging.outcome AS o WHERE o.seq = 104;
INSERT INTO staging.outcome
SELECT 101, 'claim', 10, 'duplicate', NULL, 53, o.received_at FROM staging.outcome AS o WHERE o.seq = 101;
