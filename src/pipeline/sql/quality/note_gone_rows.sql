-- One row per gone raw row that was merged since the last run that was not blocked: it is noted, and so holds back the windows that it
-- touches until its erasure is on the record. Only the days that hold these raw rows are read. (The linter takes the parameters for
-- columns.)
-- noqa: disable=RF02
INSERT INTO staging.erasure (seq, received_at, stream, entity_id, fate, reject_reason, run_id)
SELECT
    o.seq,
    o.received_at,
    o.stream,
    o.entity_id,
    o.fate,
    o.reason,
    o.run_id
FROM staging.outcome AS o
LEFT JOIN staging.event AS e
    ON
        o.seq = e.seq
        AND (e.received_at >= %(received_from)s::timestamptz OR e.received_at IS NULL)
WHERE
    o.run_id > %(merged_from)s
    AND o.run_id <= %(merged_through)s
    AND (o.received_at >= %(received_from)s::timestamptz OR o.received_at = '-infinity')
    AND e.seq IS NULL
    AND NOT EXISTS (
        SELECT FROM staging.archived_day AS a
        WHERE o.received_at >= coalesce(a.begins_at, '-infinity') AND o.received_at < a.ends_at AND o.seq <@ a.seqs
    )
ON CONFLICT (seq, received_at) DO NOTHING
