DELETE FROM staging.outcome WHERE seq IN (102, 104, 106, 107);
