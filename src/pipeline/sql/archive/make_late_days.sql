-- One row: how many partitions were made of days, older than the retention, that raw rows came late for.
SELECT staging.make_late_partitions(now() - %(keep_days)s * interval '1 day') AS made
