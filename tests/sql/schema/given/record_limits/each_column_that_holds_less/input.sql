DROP SCHEMA audit CASCADE;
ALTER TABLE claim ALTER COLUMN code TYPE varchar(10);
ALTER TABLE claim ALTER COLUMN price TYPE numeric(6, 2);
ALTER TABLE diagnose ALTER COLUMN id TYPE integer;
ALTER TABLE diagnose ALTER COLUMN icd10_code TYPE varchar(5);
