-- One row: how many partitions of the days from yesterday to a week ahead are missing. It only reads the catalog.
SELECT count(*) AS missing
FROM staging.missing_partition((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7)
