DELETE FROM staging.event WHERE seq = 2;
INSERT INTO staging.archived_day (file_name, ends_at, seqs, raw_rows, file_bytes, sha256)
VALUES ('file', '2027-01-01', '{[2,3)}', 1, 1000, repeat('a', 64));
