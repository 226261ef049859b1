DELETE FROM staging.event WHERE received_at < '2026-03-02 09:05:00+00';
