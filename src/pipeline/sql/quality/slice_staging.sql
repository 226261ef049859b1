-- One row per raw row that was merged since the last run that was not blocked; without a time where the raw row is gone.
-- Only the days that hold them are read. (The linter takes the parameters for columns.)
-- noqa: disable=RF02
SELECT
    o.seq,
    o.stream,
    o.entity_id,
    o.fate,
    o.reason,
    e.received_at
FROM staging.outcome AS o
LEFT JOIN staging.event AS e
    ON
        o.seq = e.seq
        AND o.received_at = coalesce(e.received_at, '-infinity')
        AND (e.received_at >= %(received_from)s::timestamptz OR e.received_at IS NULL)
WHERE
    o.run_id > %(merged_from)s
    AND o.run_id <= %(merged_through)s
    AND (o.received_at >= %(received_from)s::timestamptz OR o.received_at = '-infinity')
