-- One row: why the day's raw rows were not dropped; NULL if they were dropped and their file is recorded.
SELECT
    staging.drop_archived_day(
        %(partition_name)s, %(file_name)s, %(file_bytes)s, %(sha256)s, %(raw_rows)s, %(seqs)s::int8multirange
    ) AS reason
