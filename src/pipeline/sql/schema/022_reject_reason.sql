-- staging.reject_reason: one row per reason for which a raw row is rejected, in words; pipeline/core/contract.py says the same.
CREATE TABLE IF NOT EXISTS staging.reject_reason (
    reason text PRIMARY KEY,
    meaning text NOT NULL
);

INSERT INTO staging.reject_reason (reason, meaning)
VALUES
('not_json', 'the payload is no JSON text'),
('too_large', 'the payload is larger than 1 MiB'),
('too_deep', 'the payload is nested more than 1,000 deep'),
('not_object', 'the payload is JSON, but no object'),
('unstorable', 'the payload holds what PostgreSQL can''t: \u0000, half a character, or a number beyond its range'),
('duplicate_key', 'the payload has a key twice'),
('bad_office', 'its office is no integer from 0 to 92,000, and ids are per office'),
('bad_id', 'its id is no integer from 0 that fits 64 bits'),
('bad_patient_id', 'its patient_id is no integer'),
('bad_code', 'its code is no text of 1 to 16 characters'),
('bad_price', 'its price is no number from 0 to 9,999,999,999.99 with at most two decimals'),
('bad_icd10_code', 'its icd10_code is not of the ICD-10-CM form, such as R41.3'),
('bad_tsp', 'its tsp is no RFC 3339 time with an offset, or lies over a day after its arrival'),
('unknown_patient', 'its patient_id is of no patient in the table')
ON CONFLICT (reason) DO UPDATE SET meaning = excluded.meaning;

COMMENT ON TABLE staging.reject_reason IS 'One row per reason for which a raw row is rejected: the rules of the contract, in words.';
COMMENT ON COLUMN staging.reject_reason.reason IS 'The reason''s code, as in staging.outcome.';
COMMENT ON COLUMN staging.reject_reason.meaning IS 'The same in words: which rule of the contract the raw row breaks.';
