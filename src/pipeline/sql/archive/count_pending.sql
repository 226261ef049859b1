-- One row: how many raw rows of the day have no outcome.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT count(*) AS pending
FROM staging.event AS e
WHERE
    e.received_at >= coalesce(%(begins_at)s::timestamptz, '-infinity') AND e.received_at < %(ends_at)s
    AND NOT EXISTS (
        SELECT FROM staging.outcome AS o
        WHERE
            o.seq = e.seq AND o.received_at = e.received_at
            AND o.received_at >= coalesce(%(begins_at)s::timestamptz, '-infinity') AND o.received_at < %(ends_at)s
    )
