-- One row: makes a table a reference table: each node gets a copy of its rows.
SELECT pg_catalog.create_reference_table(%(table_name)s::regclass) AS copied
