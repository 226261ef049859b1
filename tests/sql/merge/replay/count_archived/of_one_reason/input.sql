DELETE FROM staging.event WHERE seq IN (102, 103, 105);
