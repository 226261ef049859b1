-- One row: spreads a table and its rows by a column.
SELECT pg_catalog.create_distributed_table(
    %(table_name)s::regclass, %(spread_by)s, colocate_with => %(beside)s, shard_count => %(shards)s
) AS spread
