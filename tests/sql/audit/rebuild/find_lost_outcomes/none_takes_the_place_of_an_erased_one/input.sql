DELETE FROM staging.event WHERE seq = 102;
DELETE FROM staging.outcome WHERE seq IN (102, 104);
INSERT INTO staging.event (seq, stream, payload, received_at) OVERRIDING SYSTEM VALUE VALUES (100, 'claim', '', '2026-03-02 09:00:00+00'), (111, 'claim', '', '2026-03-02 09:00:00+00');
