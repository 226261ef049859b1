INSERT INTO staging.event (stream, payload, received_at)
SELECT 'diagnose', '{}', moment FROM generate_series('2026-03-30 10:00Z'::timestamptz, '2026-03-30 10:05:30Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-02-20 09:00Z'::timestamptz, '2026-02-20 10:00Z', '1 minute') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-23 10:00Z'::timestamptz, '2026-03-23 18:00Z', '30 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-16 10:00Z'::timestamptz, '2026-03-16 18:00Z', '30 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-09 10:00Z'::timestamptz, '2026-03-09 18:00Z', '30 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-02 10:00Z'::timestamptz, '2026-03-02 18:00Z', '30 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-27 10:00Z'::timestamptz, '2026-03-27 18:00Z', '30 seconds') AS moment;
