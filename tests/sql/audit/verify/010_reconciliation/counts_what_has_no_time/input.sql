UPDATE staging.event SET received_at = NULL WHERE seq = 2;
UPDATE staging.event SET received_at = '-infinity' WHERE seq = 3;
UPDATE staging.outcome SET received_at = '-infinity' WHERE seq IN (2, 3);
