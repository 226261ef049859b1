-- One row per stream and measure: what was merged until the run began, and what is usual at this hour and weekday. (The linter takes the
-- parameters for columns.)
-- noqa: disable=RF02
-- A time zone that this server does not know is taken for UTC: the run goes on. It is not looked up in pg_timezone_names, which reads
-- hundreds of files each time.
WITH known_zone AS (
    SELECT CASE WHEN pg_input_is_valid('2000-01-01 ' || %(zone)s, 'timestamptz') THEN %(zone)s ELSE 'UTC' END AS name
)

INSERT INTO analytics.stream_habit
(quality_run_id, stream, measure, since, until, received, counted, weeks, usual, fewest, most)
SELECT
    q.quality_run_id,
    h.stream,
    h.measure,
    h.since,
    q.started_at AS until,
    h.received,
    h.counted,
    h.weeks,
    h.usual,
    h.fewest,
    h.most
FROM analytics.quality_run AS q
CROSS JOIN known_zone AS z
CROSS JOIN LATERAL analytics.compare_with_habit(q.started_at, z.name) AS h
WHERE q.quality_run_id = %(quality_run_id)s
