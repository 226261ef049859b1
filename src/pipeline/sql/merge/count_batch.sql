-- One row: the stream's cursor, with what a batch did added to its totals.
UPDATE staging.merge_cursor
SET
    merged = merged + %(merged)s,
    duplicate = duplicate + %(duplicate)s,
    conflict = conflict + %(conflict)s,
    rejected = rejected + %(rejected)s
WHERE stream = %(stream)s
