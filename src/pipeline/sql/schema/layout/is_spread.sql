-- One row: whether a table is spread, or a reference table. Citus also knows local tables, which others refer to.
SELECT count(*) > 0 AS is_spread
FROM pg_catalog.pg_dist_partition AS p
WHERE
    p.logicalrelid = %(table_name)s::regclass
    AND (p.partmethod <> 'n' OR p.repmodel = 't')
