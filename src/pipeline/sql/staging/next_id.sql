-- One row: the first id that no event of the stream has carried; ids from 10^12 on are those of publishers that run by themselves.
SELECT coalesce(max(o.entity_id), -1) + 1 AS next_id
FROM staging.outcome AS o
WHERE o.stream = %(stream)s AND o.entity_id < 1000000000000
