INSERT INTO staging.event (stream, payload, received_at)
SELECT 'diagnose', '{}', moment FROM generate_series('2026-03-30 10:00Z'::timestamptz, '2026-03-30 10:05:30Z', '10 seconds') AS moment;
