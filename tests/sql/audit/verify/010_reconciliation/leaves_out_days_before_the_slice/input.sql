DELETE FROM staging.event WHERE seq = 2;
