-- One row: why the day's raw rows were left where they are; NULL where they are dropped, and the file that holds them is recorded.
SELECT
    staging.drop_archived_day(
        %(partition_name)s, %(file_name)s, %(file_bytes)s, %(sha256)s, %(raw_rows)s, %(seqs)s::int8multirange
    ) AS reason
