-- One row: how many partitions of the days from yesterday to a week ahead were made.
SELECT staging.make_partitions((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7) AS made
