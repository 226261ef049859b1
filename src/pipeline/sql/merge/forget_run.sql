-- One row: a batch that took no raw row.
DELETE FROM staging.merge_run
WHERE run_id = %(run_id)s
