DELETE FROM staging.event WHERE seq IN (105, 106);
DELETE FROM staging.outcome WHERE seq = 105;
