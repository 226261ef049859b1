-- One row per stream and measure: what was merged until the run began, and what is usual at this hour and weekday. (The linter takes the
-- parameters for columns.)
-- noqa: disable=RF02
-- A time zone that this server does not know is taken for UTC: the run goes on.
WITH known_zone AS (
    SELECT coalesce((
        SELECT z.name FROM pg_timezone_names AS z
        WHERE z.name = %(zone)s
    ), 'UTC') AS name
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
