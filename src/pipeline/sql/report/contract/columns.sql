-- One row per column of the clean table of a stream, in their order.
SELECT
    a.attname AS name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS is_required,
    coalesce(a.attnum = any(k.conkey), FALSE) AS is_key,
    pg_catalog.col_description(a.attrelid, a.attnum) AS description
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_constraint AS k ON a.attrelid = k.conrelid AND k.contype = 'p'
WHERE
    a.attrelid = %(stream)s::regclass
    AND a.attnum > 0
    AND NOT a.attisdropped
ORDER BY a.attnum
