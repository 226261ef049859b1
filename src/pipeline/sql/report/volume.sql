-- One row per stream and hour, of the last 24, in which a batch ended: the raw rows that it took, by fate.
SELECT
    m.stream,
    date_bin('1 hour', m.finished_at, timestamptz 'epoch') AS hour_start,
    sum(m.merged)::bigint AS merged,
    sum(m.duplicate)::bigint AS duplicate,
    sum(m.conflict)::bigint AS conflict,
    sum(m.rejected)::bigint AS rejected
FROM staging.merge_run AS m
WHERE m.finished_at >= date_bin('1 hour', %(now)s, timestamptz 'epoch') - interval '23 hours'
GROUP BY m.stream, date_bin('1 hour', m.finished_at, timestamptz 'epoch')
ORDER BY m.stream, date_bin('1 hour', m.finished_at, timestamptz 'epoch')
