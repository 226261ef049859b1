UPDATE staging.merge_run SET rejected = 3 WHERE run_id = 2;
