-- One row: how far the merge of the stream has come. A statement of its own, so that the planner knows the value.
SELECT c.last_xid
FROM staging.merge_cursor AS c
WHERE c.stream = %(stream)s
