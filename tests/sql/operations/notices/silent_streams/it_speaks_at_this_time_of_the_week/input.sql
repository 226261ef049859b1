INSERT INTO staging.event (stream, payload, received_at)
SELECT 'diagnose', '{}', moment FROM generate_series('2026-03-02 09:00Z'::timestamptz, '2026-03-30 10:05:30Z', '6 hours') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'diagnose', '{}', moment FROM generate_series('2026-03-30 10:00Z'::timestamptz, '2026-03-30 10:05:30Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-30 09:00Z'::timestamptz, '2026-03-30 10:00Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-02-23 09:00Z'::timestamptz, '2026-02-23 09:10Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-23 09:00Z'::timestamptz, '2026-03-23 11:00Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-16 09:00Z'::timestamptz, '2026-03-16 11:00Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-09 09:00Z'::timestamptz, '2026-03-09 11:00Z', '10 seconds') AS moment;
INSERT INTO staging.event (stream, payload, received_at)
SELECT 'claim', '{}', moment FROM generate_series('2026-03-02 09:00Z'::timestamptz, '2026-03-02 11:00Z', '10 seconds') AS moment;
