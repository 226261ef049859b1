-- One row: whether the database has the extension Citus. It alone makes no cluster.
SELECT count(*) > 0 AS has_extension
FROM pg_catalog.pg_extension AS x
WHERE x.extname = 'citus'
