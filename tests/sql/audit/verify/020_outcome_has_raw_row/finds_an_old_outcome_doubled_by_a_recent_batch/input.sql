ALTER TABLE staging.outcome DROP CONSTRAINT outcome_pkey;
INSERT INTO staging.merge_run (run_id, stream, is_sweep, started_at)
OVERRIDING SYSTEM VALUE VALUES (3, 'claim', TRUE, '2026-03-02 09:40:00+00');
INSERT INTO staging.outcome VALUES (2, 'claim', 10, 'duplicate', NULL, 3, '2026-03-02 09:02:00+00');
