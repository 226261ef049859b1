-- One row: the stream's cursor, without the replayed raw rows. The next merge looks at all raw rows behind it from the first of them
-- on.
WITH noted AS (
    INSERT INTO staging.look_back (stream, after_seq, after_at)
    VALUES (%(stream)s, %(first_seq)s - 1, %(first_at)s::timestamptz)
)

UPDATE staging.merge_cursor
SET rejected = rejected - %(replayed)s
WHERE stream = %(stream)s
