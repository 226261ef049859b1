INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE
VALUES (1, 'diagnose', '{"id": 20, "patient_id": 1, "icd10_code": "R41.3"}' || repeat(' ', 1048576), '2026-03-02 09:00:00+00');
