DELETE FROM staging.event WHERE seq IN (103, 107);
