-- analytics.compare_with_habit: one row per stream and measure: what was merged lately, and what is usual at this hour and weekday.
--
-- The time that is judged ends at `until`. It is as long as two windows, and 20 minutes at least, so that a change shows within two
-- runs. It is compared with the same weekday and hour of each of the last six weeks: with the same time, the time before it and the
-- time after it. A share is that of the three together. Of what was received, the least of the three counts, so that a practice may
-- open or slow down a little earlier than usual. A week is 7 days by the clock of `zone`, also where the clock was changed. A week in
-- which nothing came in on any stream was closed, and is left out.
--
-- Usual is the median of the weeks. Their spread is the median absolute deviation, times 1.4826 as for a normal distribution. One odd
-- week moves neither of them (Hampel 1974, "The influence curve and its role in robust estimation"). Both are taken of the square
-- root of a count, and of the arcsine of the root of a share, with 3/8 added to the count: there, chance has the same spread
-- everywhere, 1/2 for a count and 1/(2 root n) for a share (Anscombe 1948, "The transformation of Poisson, binomial and
-- negative-binomial data").
--
-- A limit is 3 spreads away from usual. It is at least 4.5 times as far as chance alone moves the count and the median, whose variance
-- is pi/2 times that of a mean: small counts, few weeks and weeks that are all alike need that. Besides, a share has to be 1.5 times
-- the usual one, and at least 1 %; and a stream has to bring less than 70 % of what is usual.
--
-- With fewer than two weeks to compare, a fixed share takes the place of the usual one, and a stream may bring as little as it likes.
-- A stream is expected to bring something only from the first to the last batch of all streams: if nothing comes in on any of them,
-- the practice is closed, or the silence is for others to notice.
CREATE OR REPLACE FUNCTION analytics.compare_with_habit(until timestamptz, zone text)
RETURNS TABLE (
    stream text,
    measure text,
    since timestamptz,
    received bigint,
    counted bigint,
    weeks bigint,
    usual numeric,
    fewest numeric,
    most numeric
)
LANGUAGE sql STABLE
AS $$
WITH judged AS (
    SELECT greatest(2 * analytics.window_length(), interval '20 minutes') AS length
),

stretch AS (
    SELECT
        0 AS weeks_ago,
        j.length,
        until - j.length AS since,
        until AS ends_at
    FROM judged AS j
    UNION ALL
    SELECT
        w.weeks_ago,
        j.length,
        w.same_time - 2 * j.length,
        w.same_time + j.length
    FROM judged AS j
    CROSS JOIN LATERAL (
        SELECT
            n.weeks_ago,
            (until AT TIME ZONE zone - n.weeks_ago * interval '7 days') AT TIME ZONE zone AS same_time
        FROM generate_series(1, 6) AS n (weeks_ago)
    ) AS w
),

batch AS (
    SELECT
        s.weeks_ago,
        floor(extract(epoch FROM m.finished_at - s.since) / extract(epoch FROM s.length)) AS part,
        m.*
    FROM stretch AS s
    CROSS JOIN LATERAL (
        SELECT
            r.stream,
            r.finished_at,
            r.merged + r.duplicate + r.conflict + r.rejected AS received,
            r.duplicate,
            r.conflict,
            r.rejected
        FROM staging.merge_run AS r
        WHERE r.finished_at >= s.since AND r.finished_at < s.ends_at
    ) AS m
),

open_stretch AS (
    SELECT
        b.weeks_ago,
        max(b.finished_at) - min(b.finished_at) AS length
    FROM batch AS b
    GROUP BY b.weeks_ago
),

part AS (
    SELECT
        b.weeks_ago,
        b.stream,
        b.part,
        sum(b.received) AS received,
        sum(b.duplicate) AS duplicate,
        sum(b.conflict) AS conflict,
        sum(b.rejected) AS rejected
    FROM batch AS b
    GROUP BY b.weeks_ago, b.stream, b.part
),

-- One row per stretch that was open, and stream. A part without a batch received nothing.
whole AS (
    SELECT
        o.weeks_ago,
        c.stream,
        coalesce(sum(p.received), 0)::bigint AS received,
        CASE WHEN o.weeks_ago = 0 OR count(p.part) = 3 THEN coalesce(min(p.received), 0) ELSE 0 END::bigint AS least_received,
        coalesce(sum(p.duplicate), 0)::bigint AS duplicate,
        coalesce(sum(p.conflict), 0)::bigint AS conflict,
        coalesce(sum(p.rejected), 0)::bigint AS rejected
    FROM (SELECT 0 AS weeks_ago UNION SELECT s.weeks_ago FROM open_stretch AS s) AS o
    CROSS JOIN staging.merge_cursor AS c
    LEFT JOIN part AS p ON o.weeks_ago = p.weeks_ago AND c.stream = p.stream
    GROUP BY o.weeks_ago, c.stream
),

-- Besides, the share that is usual while there is too little history.
counts AS (
    SELECT
        w.weeks_ago,
        w.stream,
        w.received,
        m.measure,
        m.counted,
        m.fixed_share
    FROM whole AS w
    CROSS JOIN LATERAL (
        VALUES
        ('received', w.least_received, NULL::double precision),
        ('duplicate', w.duplicate, 0.5),
        ('conflict', w.conflict, 0.2),
        ('rejected', w.rejected, 0.05)
    ) AS m (measure, counted, fixed_share)
),

-- One row per week, stream and measure, on the scale on which chance has the same spread everywhere.
week AS (
    SELECT
        c.stream,
        c.measure,
        c.received,
        CASE
            WHEN c.measure = 'received' THEN sqrt(c.counted)
            ELSE asin(sqrt(c.counted::double precision / nullif(c.received, 0)))
        END AS place
    FROM counts AS c
    WHERE c.weeks_ago > 0
),

middle AS (
    SELECT
        w.stream,
        w.measure,
        count(w.place) AS weeks,
        sum(w.received) AS received,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY w.place) AS place
    FROM week AS w
    GROUP BY w.stream, w.measure
),

habit AS (
    SELECT
        m.stream,
        m.measure,
        m.weeks,
        m.received,
        m.place,
        1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(w.place - m.place)) AS spread
    FROM middle AS m
    INNER JOIN week AS w ON m.stream = w.stream AND m.measure = w.measure
    GROUP BY m.stream, m.measure, m.weeks, m.received, m.place
),

-- One row per stream and measure of now: what is usual, and how far it may go on that scale.
expected AS (
    SELECT
        c.stream,
        c.measure,
        c.received,
        c.counted,
        coalesce(h.weeks, 0) AS weeks,
        CASE
            WHEN h.weeks >= 2 AND c.measure = 'received' THEN o.open_share * h.place ^ 2
            WHEN h.weeks >= 2 THEN c.received * sin(h.place) ^ 2
            ELSE c.received * c.fixed_share
        END AS usual,
        CASE
            WHEN c.measure = 'received'
                THEN greatest(4.5 / 2 * sqrt(1 + pi() / 2 / h.weeks), 3 * h.spread * sqrt(o.open_share))
            WHEN h.weeks >= 2
                THEN greatest(4.5 / 2 * sqrt(1.0 / nullif(c.received, 0) + pi() / 2 / h.received), 3 * h.spread)
            ELSE 4.5 / 2 * sqrt(1.0 / nullif(c.received, 0))
        END AS reach
    FROM counts AS c
    CROSS JOIN (
        SELECT coalesce(extract(epoch FROM max(s.length)) / extract(epoch FROM max(j.length)), 0)::double precision AS open_share
        FROM judged AS j
        LEFT JOIN open_stretch AS s ON s.weeks_ago = 0
    ) AS o
    LEFT JOIN habit AS h ON c.stream = h.stream AND c.measure = h.measure
    WHERE c.weeks_ago = 0
)

SELECT
    e.stream,
    e.measure,
    s.since,
    e.received,
    e.counted,
    e.weeks,
    e.usual::numeric(20, 1),
    CASE
        WHEN e.measure = 'received'
            THEN greatest(least(greatest(sqrt(e.usual + 0.375) - e.reach, 0) ^ 2 - 0.375, 0.7 * e.usual), 0)
    END::numeric(20, 1) AS fewest,
    CASE
        WHEN e.measure <> 'received'
            THEN
                greatest(
                    sin(least(asin(sqrt((e.usual + 0.375) / (e.received + 0.75))) + e.reach, pi() / 2)) ^ 2
                    * (e.received + 0.75) - 0.375,
                    CASE WHEN e.weeks >= 2 THEN 1.5 * e.usual END,
                    0.01 * e.received
                )
    END::numeric(20, 1) AS most
FROM expected AS e
CROSS JOIN stretch AS s
WHERE s.weeks_ago = 0
$$;

COMMENT ON FUNCTION analytics.compare_with_habit(timestamptz, text) IS
'One row per stream and measure: what was merged lately, and what the last weeks make usual at this hour and weekday.';
