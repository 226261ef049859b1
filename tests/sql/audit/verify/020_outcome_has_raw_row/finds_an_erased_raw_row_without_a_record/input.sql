DELETE FROM staging.event WHERE seq IN (2, 4);
