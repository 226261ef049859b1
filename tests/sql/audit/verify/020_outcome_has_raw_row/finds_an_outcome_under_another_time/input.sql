UPDATE staging.outcome SET received_at = '-infinity' WHERE seq = 4;
