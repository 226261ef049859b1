DELETE FROM staging.event WHERE seq <= 105;
UPDATE staging.outcome SET stream = 'diagnose' WHERE seq = 108;
UPDATE staging.outcome SET received_at = '-infinity' WHERE seq = 109;
