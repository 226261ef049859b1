DELETE FROM analytics.tracked_diagnosis WHERE category = 'Asthma';
DELETE FROM analytics.backfilled_diagnosis WHERE category = 'Asthma';
