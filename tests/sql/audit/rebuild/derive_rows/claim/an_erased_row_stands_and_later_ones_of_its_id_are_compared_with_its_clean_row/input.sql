DELETE FROM staging.event WHERE seq IN (101, 104, 108);
