INSERT INTO analytics.tracked_diagnosis (icd10_code, category) VALUES ('E11.9', 'Diabetes');
