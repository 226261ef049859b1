-- Damage.
ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
INSERT INTO staging.outcome
SELECT o.*
FROM staging.outcome AS o
WHERE o.seq = 7;
