-- One row: drops the rows that a table had on the coordinator before it was spread. Nobody can see them any more.
SELECT pg_catalog.truncate_local_data_after_distributing_table(%(table_name)s::regclass) AS dropped
