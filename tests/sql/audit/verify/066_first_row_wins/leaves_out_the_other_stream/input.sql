INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE VALUES (101, 'diagnose', '{"id": 11}', '2026-03-02 09:00:00+00');
INSERT INTO staging.outcome VALUES (101, 'diagnose', 11, 'duplicate', NULL, 1, '2026-03-02 09:00:00+00');
UPDATE staging.outcome SET run_id = 2 WHERE seq = 5;
