-- One row per stream that is silent for longer than it usually is, and since when.
-- A stream is silent if nothing has arrived for some time, although some events (`missing`) or more arrived in the same stretch of most of
-- the last four weeks. While history is shorter than a week, the stretch is compared with the one before it.
-- Once it is found, only an arrival ends it. Whoever has just begun to watch can't know how long nothing could arrive.
WITH quiet_stream AS (
    SELECT
        c.stream,
        t.trouble_id IS NOT NULL AS is_known,
        c.taken_at AS last_at,
        -- Of a long silence, the last day tells enough.
        greatest(c.taken_at, %(now)s::timestamptz - interval '1 day') AS after_time,
        %(now)s::timestamptz AS until
    FROM staging.merge_cursor AS c
    LEFT JOIN analytics.trouble AS t ON c.stream = t.subject AND t.kind = 'silent_stream' AND t.ended_at IS NULL
    WHERE
        c.taken_at > '-infinity'
        AND c.taken_at <= %(quiet_since)s
        AND (%(watching_since)s <= %(quiet_since)s OR t.trouble_id IS NOT NULL)
        -- What has arrived and is not merged yet.
        AND staging.count_arrivals(c.stream, %(quiet_since)s, 'infinity', 1) = 0
),

earlier AS (
    SELECT
        q.stream,
        TRUE AS is_of_a_week,
        weeks.ago * interval '7 days' AS shift
    FROM quiet_stream AS q
    CROSS JOIN generate_series(1, 4) AS weeks (ago)
    WHERE NOT q.is_known
    UNION ALL
    SELECT
        q.stream,
        FALSE AS is_of_a_week,
        q.until - q.after_time AS shift
    FROM quiet_stream AS q
    WHERE NOT q.is_known
),

earlier_stretch AS (
    SELECT
        q.stream,
        e.is_of_a_week,
        q.after_time - e.shift AS after_time,
        q.until - e.shift AS until
    FROM quiet_stream AS q
    INNER JOIN earlier AS e ON q.stream = e.stream
),

counted_stretch AS (
    SELECT
        s.stream,
        s.is_of_a_week,
        staging.count_arrivals(s.stream, s.after_time, s.until, %(missing)s) AS arrivals
    FROM earlier_stretch AS s
    -- The stream was there before the stretch.
    WHERE staging.count_arrivals(s.stream, '-infinity', s.after_time, 1) > 0
),

habit AS (
    SELECT
        c.stream,
        coalesce(
            avg((c.arrivals >= %(missing)s)::integer) FILTER (WHERE c.is_of_a_week),
            avg((c.arrivals >= %(missing)s)::integer)
        ) AS busy_share
    FROM counted_stretch AS c
    GROUP BY c.stream
)

SELECT
    q.stream AS subject,
    q.last_at AS began_at
FROM quiet_stream AS q
LEFT JOIN habit AS h ON q.stream = h.stream
WHERE q.is_known OR h.busy_share > 0.5
