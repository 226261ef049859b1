DELETE FROM staging.merge_run WHERE run_id = 52;
