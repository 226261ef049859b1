-- One row: where the checked slice begins: its first raw row, day, batch and window; and since when a due window is overdue.
-- MATERIALIZED, because the planner would search all of history for the smallest number.
WITH recent_event AS MATERIALIZED (
    SELECT e.seq
    FROM staging.event AS e
    WHERE e.received_at >= %(since)s
),

-- A slice that reaches far back can include archived rows.
archived_event AS (
    SELECT min(lower(a.seqs)) AS seq
    FROM staging.archived_day AS a
    WHERE a.ends_at > %(since)s
),

earlier_run AS (
    SELECT max(m.run_id) AS run_id
    FROM staging.merge_run AS m
    WHERE m.started_at < %(since)s
)

SELECT
    coalesce(
        least((SELECT min(r.seq) FROM recent_event AS r), (SELECT a.seq FROM archived_event AS a)),
        9223372036854775807
    ) AS first_seq,
    -- A transaction that began a day before can have written raw rows of the slice.
    (%(since)s::timestamptz - interval '1 day')::text AS received_from,
    coalesce((SELECT r.run_id FROM earlier_run AS r), 0) + 1 AS first_run_id,
    analytics.window_start(%(since)s) AS first_window,
    %(since)s AS published_since,
    now() - coalesce(%(patience)s::interval, 2 * analytics.window_length()) AS overdue_before
