-- One row: whether somebody has emptied the stream's clean table. Nobody can from here on: who reads a table keeps it from being emptied
-- until the transaction ends.
SELECT count(*) > 0 AS is_emptied
FROM staging.emptied_table AS t
WHERE t.stream = %(stream)s
