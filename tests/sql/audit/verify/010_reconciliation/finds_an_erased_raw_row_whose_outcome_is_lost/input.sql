DELETE FROM staging.event WHERE seq = 2;
DELETE FROM staging.outcome WHERE seq = 2;
