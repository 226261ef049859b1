UPDATE staging.event SET received_at = NULL WHERE seq IN (1, 3, 5);
UPDATE staging.outcome SET received_at = '-infinity' WHERE seq IN (1, 3, 5);
