-- One row per partition whose raw rows are all older than the retention, the oldest first.
SELECT
    p.partition_name,
    p.begins_at,
    p.ends_at
FROM staging.day_partition AS p
WHERE p.table_name = 'event' AND p.ends_at <= now() - %(keep_days)s * interval '1 day'
ORDER BY p.ends_at
