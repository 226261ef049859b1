-- staging.merge_place: one row per stream, how far its merge has come, as what looks for raw rows needs it.
CREATE OR REPLACE VIEW staging.merge_place AS
SELECT
    c.stream,
    c.taken_seq,
    least(c.taken_at, now()) - interval '1 day' AS taken_from,
    -- A transaction from the future comes from another cluster's dump: then all are looked at, and outcomes are found.
    CASE
        WHEN c.looked_xid >= pg_snapshot_xmax(pg_current_snapshot()) THEN '0'::xid8 ELSE c.looked_xid
    END AS looked_xid,
    c.passed_seq,
    least(c.passed_at, now()) - interval '1 day' AS passed_from,
    least(c.passed_at, c.taken_at, now()) - interval '1 day' AS pending_from
FROM staging.merge_cursor AS c;

COMMENT ON VIEW staging.merge_place IS 'One row per stream: how far its merge has come, as what looks for raw rows needs it.';
COMMENT ON COLUMN staging.merge_place.stream IS 'The stream.';
COMMENT ON COLUMN staging.merge_place.taken_seq IS 'Raw rows behind it have not been taken yet.';
COMMENT ON COLUMN staging.merge_place.taken_from IS 'They were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.looked_xid IS
'Raw rows up to taken_seq that have not been taken yet were written by this transaction or a later one.';
COMMENT ON COLUMN staging.merge_place.passed_seq IS 'They come behind this raw row.';
COMMENT ON COLUMN staging.merge_place.passed_from IS 'They were received at this time or later.';
COMMENT ON COLUMN staging.merge_place.pending_from IS 'The earlier of the two times.';
