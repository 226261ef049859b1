-- One row: the stream's cursor, behind the batch.
UPDATE staging.merge_cursor
SET
    last_xid = %(last_xid)s::xid8,
    merged = merged + %(merged)s,
    duplicate = duplicate + %(duplicate)s,
    conflict = conflict + %(conflict)s,
    rejected = rejected + %(rejected)s
WHERE stream = %(stream)s
