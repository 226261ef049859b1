-- analytics.revenue_candidate, analytics.revenue_by_diagnosis: room for the sum of any number of the dearest claims.
DO $$
BEGIN
    -- Applied again, it finds views that use the columns: then their type is this one already.
    IF EXISTS (
        SELECT FROM information_schema.columns AS c
        WHERE
            c.table_schema = 'analytics' AND c.table_name = 'revenue_by_diagnosis'
            AND c.column_name = 'revenue' AND c.numeric_precision < 30
    ) THEN
        ALTER TABLE analytics.revenue_candidate ALTER COLUMN revenue TYPE numeric(30, 2);
        ALTER TABLE analytics.revenue_by_diagnosis ALTER COLUMN revenue TYPE numeric(30, 2);
    END IF;
END
$$;
