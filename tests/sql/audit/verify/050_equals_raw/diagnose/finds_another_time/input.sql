UPDATE diagnose SET tsp = timestamptz '2026-03-02 09:04:59.999999+00' WHERE id = 20;
