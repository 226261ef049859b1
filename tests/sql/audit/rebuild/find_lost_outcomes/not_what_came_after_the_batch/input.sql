UPDATE staging.merge_run SET merged = 3 WHERE run_id = 53;
