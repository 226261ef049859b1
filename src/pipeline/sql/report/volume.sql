-- One row per stream and hour in which a batch ended: the raw rows that it took, by fate. The hours are named by the moments at
-- which they begin; the first is hour 1.
WITH batch AS (
    SELECT
        m.*,
        width_bucket(m.finished_at, %(hours)s::timestamptz[]) AS hour_number
    FROM staging.merge_run AS m
    WHERE m.finished_at >= (%(hours)s::timestamptz[])[1]
)

SELECT
    b.stream,
    b.hour_number,
    sum(b.merged)::bigint AS merged,
    sum(b.duplicate)::bigint AS duplicate,
    sum(b.conflict)::bigint AS conflict,
    sum(b.rejected)::bigint AS rejected
FROM batch AS b
GROUP BY b.stream, b.hour_number
ORDER BY b.stream, b.hour_number
