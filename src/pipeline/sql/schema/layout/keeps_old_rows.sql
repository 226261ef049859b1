-- One row: whether the coordinator still keeps the rows that a table, or a partition of it, had before it was spread.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT sum(pg_catalog.pg_relation_size(c.oid)) > 0 AS keeps
FROM pg_catalog.pg_class AS c
WHERE
    c.oid = %(table_name)s::regclass
    OR c.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(%(table_name)s::regclass) AS t)
