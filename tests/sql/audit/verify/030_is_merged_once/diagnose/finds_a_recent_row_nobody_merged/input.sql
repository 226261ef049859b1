DELETE FROM staging.outcome WHERE seq = 6;
UPDATE diagnose SET tsp = '2026-03-02 09:20:00+00' WHERE id = 20;
