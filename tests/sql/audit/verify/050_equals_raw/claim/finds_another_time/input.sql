UPDATE claim SET tsp = timestamptz '2026-03-02 09:11:00.000001+00' WHERE id = 11;
