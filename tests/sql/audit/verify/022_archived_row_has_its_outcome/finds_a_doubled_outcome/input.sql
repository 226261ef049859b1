DELETE FROM staging.event WHERE received_at < '2026-03-02 09:05:00+00';
ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
INSERT INTO staging.outcome SELECT o.* FROM staging.outcome AS o WHERE o.seq = 2;
