-- One row: the comments of all tables and their columns, kept until the end of the transaction. Citus makes a table anew when what it
-- refers to is spread, and forgets them.
SELECT
    pg_catalog.set_config(
        'office.comments',
        coalesce(
            jsonb_agg(jsonb_build_object('relation', d.objoid::regclass::text, 'column', a.attname, 'comment', d.description)), '[]'
        )::text,
        TRUE
    ) AS comments
FROM pg_catalog.pg_description AS d
INNER JOIN pg_catalog.pg_class AS c ON d.objoid = c.oid
LEFT JOIN pg_catalog.pg_attribute AS a ON d.objoid = a.attrelid AND d.objsubid > 0 AND d.objsubid = a.attnum
WHERE
    d.classoid = 'pg_class'::regclass
    AND c.relkind IN ('r', 'p')
    AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
