SELECT setval('staging.merge_run_run_id_seq', 60);
