UPDATE staging.outcome SET run_id = 2 WHERE seq = 5;
