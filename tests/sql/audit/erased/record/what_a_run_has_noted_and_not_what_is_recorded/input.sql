DELETE FROM staging.event WHERE seq IN (101, 102);
