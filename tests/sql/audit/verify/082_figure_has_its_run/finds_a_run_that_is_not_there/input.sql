ALTER TABLE analytics.revenue_by_diagnosis DROP CONSTRAINT revenue_by_diagnosis_quality_run_id_fkey;
UPDATE analytics.revenue_by_diagnosis SET quality_run_id = 9 WHERE revenue > 0;
