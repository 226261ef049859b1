-- One row: how far the merge of the stream has come, locked until this transaction ends.
SELECT
    p.taken_seq,
    p.taken_from::text AS taken_from,
    p.looked_seq,
    p.looked_from::text AS looked_from,
    p.looked_snapshot,
    p.looks_back,
    p.passed_seq,
    p.awaits,
    p.awaited_from,
    (now() - interval '2 days')::text AS recent_from
FROM staging.merge_place AS p
WHERE p.stream = %(stream)s
FOR UPDATE
