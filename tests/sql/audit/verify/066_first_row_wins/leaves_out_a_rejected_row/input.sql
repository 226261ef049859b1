INSERT INTO staging.merge_run (run_id, stream, is_sweep, started_at)
OVERRIDING SYSTEM VALUE VALUES (3, 'claim', TRUE, '2026-03-02 09:40:00+00');
UPDATE staging.outcome SET run_id = 3 WHERE seq = 5;
UPDATE staging.outcome SET entity_id = 11 WHERE seq = 4;
