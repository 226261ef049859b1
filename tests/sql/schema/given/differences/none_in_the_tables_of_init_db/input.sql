ALTER TABLE patient ADD COLUMN phone_number text;
ALTER TABLE claim ADD COLUMN note text;
ALTER TABLE claim ADD COLUMN doctor text NOT NULL DEFAULT 'nobody';
ALTER TABLE claim ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
DROP SCHEMA audit CASCADE;
DROP VIEW staging.claim_contract, staging.diagnose_contract;
ALTER TABLE patient ALTER COLUMN id TYPE integer;
