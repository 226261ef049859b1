-- One row: a batch that found every raw row of its transactions taken already.
DELETE FROM staging.merge_run
WHERE run_id = %(run_id)s
