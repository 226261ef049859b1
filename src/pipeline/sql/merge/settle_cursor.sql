-- One row: the stream's cursor, after all pending rows behind it were taken.
-- A raw row up to next_passed_seq that is not committed yet belongs to a transaction that began before the batch that came there
-- ended, and so before this one. A transaction number from the future comes from the dump of another cluster: ignore it.
WITH passing AS (
    SELECT
        c.stream,
        least(c.next_passed_xid, pg_current_xact_id()) AS xid,
        coalesce(least(c.next_passed_xid, pg_current_xact_id()) <= %(oldest_xid)s::xid8, FALSE) AS is_over
    FROM staging.merge_cursor AS c
    WHERE c.stream = %(stream)s
)

UPDATE staging.merge_cursor AS c
SET
    looked_xid = %(oldest_xid)s::xid8,
    passed_seq = CASE WHEN p.is_over THEN c.next_passed_seq ELSE c.passed_seq END,
    passed_at = now(),
    next_passed_seq = CASE WHEN p.is_over THEN c.taken_seq ELSE c.next_passed_seq END,
    next_passed_xid = CASE WHEN p.is_over THEN pg_current_xact_id() ELSE p.xid END
FROM passing AS p
WHERE c.stream = p.stream
