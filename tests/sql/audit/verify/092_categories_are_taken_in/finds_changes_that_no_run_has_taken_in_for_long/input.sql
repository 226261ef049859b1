UPDATE analytics.tracked_diagnosis SET category = 'Loss of memory' WHERE icd10_code = 'R41.3';
DELETE FROM analytics.tracked_diagnosis WHERE icd10_code = 'J44.9';
