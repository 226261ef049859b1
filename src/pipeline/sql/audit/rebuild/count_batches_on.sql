-- One row: the number that the next batch gets is behind that of every batch.
SELECT setval('staging.merge_run_run_id_seq', greatest(max(m.run_id), max(s.last_value))) AS run_id
FROM staging.merge_run AS m
CROSS JOIN staging.merge_run_run_id_seq AS s
