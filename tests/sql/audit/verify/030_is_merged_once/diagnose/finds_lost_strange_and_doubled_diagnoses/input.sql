DELETE FROM diagnose WHERE id = 21;
INSERT INTO diagnose (id, icd10_code, patient_id, tsp) VALUES (99, 'R41.3', 1, '2026-03-02 09:01:00+00');
INSERT INTO staging.outcome (seq, stream, entity_id, fate, run_id, received_at)
VALUES (9, 'diagnose', 20, 'merged', 2, '2026-03-02 09:05:00+00');
