DELETE FROM analytics.tracked_diagnosis WHERE category = 'Asthma';
