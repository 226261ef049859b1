-- One row: the stream's cursor, after all raw rows that had appeared behind it were taken. What can still appear up to it is of the
-- transactions that write; a new one among them took its first number after the last look.
WITH forgotten AS (
    DELETE FROM staging.look_back AS b
    WHERE b.stream = %(stream)s AND (b.xid IS NULL OR b.xid <> all(%(writers)s::xid8[]))
),

noted AS (
    INSERT INTO staging.look_back (stream, xid, after_seq, after_at)
    SELECT
        c.stream,
        w.xid,
        c.looked_seq,
        c.looked_at
    FROM staging.merge_cursor AS c
    CROSS JOIN unnest(%(writers)s::xid8[]) AS w (xid)
    WHERE
        c.stream = %(stream)s
        AND NOT EXISTS (
            SELECT FROM staging.look_back AS b
            WHERE b.stream = c.stream AND b.xid = w.xid
        )
)

UPDATE staging.merge_cursor
SET
    looked_seq = taken_seq,
    looked_at = now()
WHERE stream = %(stream)s
