-- One row per file of archived raw rows, in the order of their days; is_recent says whether it was recorded since a time.
SELECT
    a.file_name,
    a.raw_rows,
    a.file_bytes,
    a.sha256,
    a.archived_at >= %(since)s AS is_recent
FROM staging.archived_day AS a
ORDER BY a.ends_at, a.archived_at, a.file_name
