INSERT INTO diagnose (id, icd10_code, patient_id, tsp) VALUES (22, 'J44.9', 2, '2026-03-02 09:20:00+00');
