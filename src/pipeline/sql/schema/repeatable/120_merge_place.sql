-- staging.merge_place: one row per stream: the cursor, in the form that searches for raw rows need.
CREATE OR REPLACE VIEW staging.merge_place AS
SELECT
    c.stream,
    c.taken_seq,
    least(c.taken_at, now()) - interval '1 day' AS taken_from,
    -- A transaction number from the future comes from the dump of another cluster: then look at all rows.
    CASE
        WHEN c.looked_xid >= pg_snapshot_xmax(pg_current_snapshot()) THEN '0'::xid8 ELSE c.looked_xid
    END AS looked_xid,
    c.passed_seq,
    least(c.passed_at, now()) - interval '1 day' AS passed_from,
    least(c.passed_at, c.taken_at, now()) - interval '1 day' AS pending_from
FROM staging.merge_cursor AS c;

COMMENT ON VIEW staging.merge_place IS 'One row per stream: the cursor, in the form that searches for raw rows need.';
COMMENT ON COLUMN staging.merge_place.stream IS 'The stream.';
COMMENT ON COLUMN staging.merge_place.taken_seq IS 'Raw rows with a higher number have not been taken yet.';
COMMENT ON COLUMN staging.merge_place.taken_from IS 'These rows were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.looked_xid IS
'Rows up to taken_seq that have not been taken yet were written by this transaction or a later one.';
COMMENT ON COLUMN staging.merge_place.passed_seq IS 'These rows have a higher number than this.';
COMMENT ON COLUMN staging.merge_place.passed_from IS 'These rows were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.pending_from IS 'The earlier of the two times.';
