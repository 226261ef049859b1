INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE
VALUES (1, 'diagnose', repeat('[', 2000) || repeat(']', 2000), '2026-03-02 09:00:00+00');
