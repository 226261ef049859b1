-- staging.merge_place: one row per stream: the cursor, in the form that searches for raw rows need.
CREATE OR REPLACE VIEW staging.merge_place AS
SELECT
    c.stream,
    c.taken_seq,
    least(c.taken_at, now()) - interval '1 day' AS taken_from,
    c.looked_seq,
    least(c.looked_at, now()) - interval '1 day' AS looked_from,
    -- A transaction number from the future comes from the dump of another cluster: then look at all rows.
    CASE
        WHEN pg_snapshot_xmin(c.looked_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) THEN '1:1:'::pg_snapshot
        ELSE c.looked_snapshot
    END AS looked_snapshot,
    (
        SELECT count(*) > 0
        FROM staging.look_back AS b
        WHERE b.stream = c.stream
    ) AS looks_back,
    (
        SELECT least(c.looked_seq, min(b.after_seq))
        FROM staging.look_back AS b
        WHERE b.stream = c.stream
    ) AS passed_seq,
    (
        SELECT least(c.looked_at, c.taken_at, now(), min(b.after_at)) - interval '1 day'
        FROM staging.look_back AS b
        WHERE b.stream = c.stream
    ) AS pending_from,
    (
        SELECT min(a.patient_id) IS NOT NULL
        FROM staging.awaited_patient AS a
        WHERE a.stream = c.stream
    ) AS awaits,
    c.awaited_from
FROM staging.merge_cursor AS c;

COMMENT ON VIEW staging.merge_place IS 'One row per stream: the cursor, in the form that searches for raw rows need.';
COMMENT ON COLUMN staging.merge_place.stream IS 'The stream.';
COMMENT ON COLUMN staging.merge_place.taken_seq IS 'Raw rows with a higher number have not been taken yet.';
COMMENT ON COLUMN staging.merge_place.taken_from IS 'These rows were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.looked_seq IS
'Rows up to this one that have not been taken yet were written by the transactions in staging.look_back.';
COMMENT ON COLUMN staging.merge_place.looked_from IS 'Rows that appeared after this one were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.looked_snapshot IS
'Rows between looked_seq and taken_seq that have not been taken yet are not visible in this snapshot.';
COMMENT ON COLUMN staging.merge_place.looks_back IS 'Whether the stream has rows in staging.look_back.';
COMMENT ON COLUMN staging.merge_place.passed_seq IS 'All rows up to this one are taken, and no new one can appear among them.';
COMMENT ON COLUMN staging.merge_place.pending_from IS 'All rows that have not been taken yet were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.awaits IS 'Whether the stream has rows in staging.awaited_patient.';
COMMENT ON COLUMN staging.merge_place.awaited_from IS 'The patient to look for next.';

-- staging.whole_xid: the number of a transaction with its epoch, which pg_locks leaves out. It is within 2^31 of a known one.
CREATE OR REPLACE FUNCTION staging.whole_xid(short xid, near xid8)
RETURNS xid8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT (top.number - ((top.number - short::text::bigint) & 4294967295))::text::xid8
FROM (SELECT near::text::bigint + 2147483648 AS number) AS top
$$;

COMMENT ON FUNCTION staging.whole_xid(xid, xid8) IS
'The number of a transaction with its epoch: the one within 2^31 of a known number.';
