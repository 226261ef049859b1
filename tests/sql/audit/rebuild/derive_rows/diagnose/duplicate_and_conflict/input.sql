INSERT INTO staging.event (seq, stream, payload, received_at) OVERRIDING SYSTEM VALUE VALUES
(111, 'diagnose', '{"id": 20, "patient_id": 1, "icd10_code": "R41.3", "x": 1}', now()),
(112, 'diagnose', '{"id": 20, "patient_id": 1, "icd10_code": "J44.9"}', now());
INSERT INTO staging.outcome VALUES
(111, 'diagnose', 20, 'conflict', NULL, 52, now()),
(112, 'diagnose', 20, 'duplicate', NULL, 52, now());
