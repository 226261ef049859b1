-- One row: how far the merge of the stream has come. It is read by itself, so that the next statement gets its values as literals.
SELECT
    p.passed_seq,
    p.pending_from::text AS pending_from
FROM staging.merge_place AS p
WHERE p.stream = %(stream)s
