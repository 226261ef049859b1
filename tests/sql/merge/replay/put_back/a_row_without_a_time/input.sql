UPDATE staging.event SET received_at = NULL WHERE seq = 102;
UPDATE staging.outcome SET received_at = '-infinity' WHERE seq = 102;
