UPDATE staging.merge_run SET contract = 3 WHERE run_id = (SELECT min(run_id) FROM staging.merge_run);
