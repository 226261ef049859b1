-- One row: the analytics run, with how it ended and for which windows.
WITH published AS (
    SELECT range_agg(tstzrange(w.window_start, analytics.window_end(w.window_start))) AS windows
    FROM unnest(%(published)s::timestamptz[]) AS w (window_start)
),

blocked AS (
    SELECT range_agg(tstzrange(w.window_start, analytics.window_end(w.window_start))) AS windows
    FROM unnest(%(blocked)s::timestamptz[]) AS w (window_start)
)

UPDATE analytics.quality_run
SET
    verdict = %(verdict)s,
    windows_published = cardinality(%(published)s::timestamptz[]),
    windows_blocked = cardinality(%(blocked)s::timestamptz[]),
    published_windows = coalesce((SELECT p.windows FROM published AS p), '{}'),
    blocked_windows = coalesce((SELECT b.windows FROM blocked AS b), '{}'),
    finished_at = clock_timestamp()
WHERE quality_run_id = %(quality_run_id)s
