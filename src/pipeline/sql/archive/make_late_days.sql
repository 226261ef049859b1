-- One row: how many partitions it made, for raw rows that came late for days older than the retention.
SELECT staging.make_late_partitions(now() - %(keep_days)s * interval '1 day') AS made
