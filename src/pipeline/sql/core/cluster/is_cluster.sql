-- One row: whether the tables are spread over the nodes of a Citus cluster. The extension alone makes no cluster: it is also there on
-- single servers. A spread table depends on it.
SELECT count(*) > 0 AS is_cluster
FROM pg_catalog.pg_extension AS x
INNER JOIN pg_catalog.pg_depend AS d ON x.oid = d.refobjid
WHERE
    x.extname = 'citus'
    AND d.refclassid = 'pg_catalog.pg_extension'::regclass
    AND d.classid = 'pg_catalog.pg_class'::regclass
    AND d.deptype = 'n'
