DELETE FROM staging.outcome WHERE seq = 1;
