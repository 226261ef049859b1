-- One row: the stream's cursor, before the first transaction that wrote a raw row put back, so that the next merge comes to it.
UPDATE staging.merge_cursor
SET
    rejected = rejected - %(replayed)s,
    last_xid = least(%(last_xid)s::xid8, (%(first_xid)s::xid8::text::numeric - 1)::text::xid8)
WHERE stream = %(stream)s
RETURNING last_xid
