UPDATE staging.merge_run SET duplicate = 2, conflict = 0 WHERE run_id = 1;
