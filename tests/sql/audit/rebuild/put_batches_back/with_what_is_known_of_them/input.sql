DELETE FROM staging.merge_run WHERE run_id IN (51, 52);
