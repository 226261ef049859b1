DELETE FROM staging.outcome WHERE run_id = 2;
