-- The indexes of the clean tables, which setup/init_db.sql makes.
-- Find the claims of a window, and the claims of a patient who is diagnosed late.
CREATE INDEX IF NOT EXISTS claim_tsp ON claim (tsp);
CREATE INDEX IF NOT EXISTS claim_patient_tsp ON claim (patient_id, tsp);

-- Find the first diagnosis of a patient by its code, and the diagnoses of a window.
CREATE INDEX IF NOT EXISTS diagnose_code_patient_tsp ON diagnose (icd10_code, patient_id, tsp);
CREATE INDEX IF NOT EXISTS diagnose_tsp ON diagnose (tsp);
