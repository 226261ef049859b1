-- One row: the limits of the clean tables' columns from the next batch on, by column.
SELECT coalesce(jsonb_object_agg(format('%s.%s', l.stream, l.column_name), l.highest), '{}') AS limits
FROM (
    SELECT DISTINCT ON (c.stream, c.column_name)
        c.stream,
        c.column_name,
        c.highest
    FROM staging.column_limit AS c
    ORDER BY c.stream ASC, c.column_name ASC, c.since_run DESC
) AS l
