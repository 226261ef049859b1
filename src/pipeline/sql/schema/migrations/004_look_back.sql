-- staging.look_back: one row per stream and transaction that can still make raw rows appear behind the merge's cursor. A row without
-- a transaction stands for all of them: the next merge looks at all raw rows from there on.
CREATE TABLE staging.look_back (
    stream text NOT NULL,
    xid xid8,
    after_seq bigint NOT NULL,
    after_at timestamptz NOT NULL
);

-- The cursor says how far the merge has looked, and not any more what the oldest transaction of the whole server was: a forgotten
-- one, even in another database, made every merge look at all raw rows that came since.
INSERT INTO staging.look_back (stream, after_seq, after_at)
SELECT
    c.stream,
    c.passed_seq,
    c.passed_at
FROM staging.merge_cursor AS c
WHERE c.passed_seq < c.taken_seq;

DROP VIEW IF EXISTS staging.merge_place;

ALTER TABLE staging.merge_cursor ADD COLUMN looked_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE staging.merge_cursor ADD COLUMN looked_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE staging.merge_cursor ADD COLUMN looked_snapshot pg_snapshot NOT NULL DEFAULT '1:1:';
UPDATE staging.merge_cursor
SET
    looked_seq = taken_seq,
    looked_at = passed_at;
ALTER TABLE staging.merge_cursor DROP COLUMN looked_xid;
ALTER TABLE staging.merge_cursor DROP COLUMN passed_seq;
ALTER TABLE staging.merge_cursor DROP COLUMN passed_at;
ALTER TABLE staging.merge_cursor DROP COLUMN next_passed_seq;
ALTER TABLE staging.merge_cursor DROP COLUMN next_passed_xid;
