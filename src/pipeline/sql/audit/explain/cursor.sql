-- One row: how far the merge of the stream has come. A statement of its own, so that the planner knows the values.
SELECT
    p.passed_seq,
    p.pending_from::text AS pending_from
FROM staging.merge_place AS p
WHERE p.stream = %(stream)s
