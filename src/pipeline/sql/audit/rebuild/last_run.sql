-- One row: the last batch so far.
SELECT coalesce(max(m.run_id), 0) AS run_id
FROM staging.merge_run AS m
