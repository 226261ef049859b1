DELETE FROM staging.outcome WHERE seq IN (101, 103);
