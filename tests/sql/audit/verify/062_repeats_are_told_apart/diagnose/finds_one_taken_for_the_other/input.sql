INSERT INTO staging.event (seq, stream, payload)
OVERRIDING SYSTEM VALUE
VALUES
(101, 'diagnose', '{"id": 20, "patient_id": 1, "icd10_code": "R41.3"}'),
(102, 'diagnose', '{"id": 20, "patient_id": 1, "icd10_code": "I10"}');
INSERT INTO staging.outcome (seq, stream, entity_id, fate, run_id, received_at)
VALUES (101, 'diagnose', 20, 'conflict', 2, now()), (102, 'diagnose', 20, 'duplicate', 2, now());
