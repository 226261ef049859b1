-- One row: the newest contract that a batch was judged by, and the newest one that this version knows.
SELECT
    coalesce(max(m.contract), 0) AS recorded,
    staging.contract_version() AS known
FROM staging.merge_run AS m
