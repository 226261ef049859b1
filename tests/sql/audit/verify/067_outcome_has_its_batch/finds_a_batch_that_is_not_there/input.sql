UPDATE staging.outcome SET run_id = 7 WHERE seq = 5;
