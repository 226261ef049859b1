UPDATE staging.merge_run SET stream = 'diagnose';
