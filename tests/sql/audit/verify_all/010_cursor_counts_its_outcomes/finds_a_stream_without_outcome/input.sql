DELETE FROM staging.outcome WHERE stream = 'diagnose';
