-- A second code of the category, and of two diagnoses at the same time the lower id.
INSERT INTO analytics.tracked_diagnosis (icd10_code, category) VALUES ('I10', 'Asthma');
INSERT INTO diagnose (id, icd10_code, patient_id, tsp) VALUES (25, 'I10', 4, '2026-03-02 07:59:00+00'), (19, 'I10', 4, '2026-03-02 07:59:00+00');
