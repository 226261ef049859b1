-- One row: the first id that no event of the stream has carried, counted from a base: 0, or where an office's keys begin.
-- Ids from 10^12 on belong to publishers that run as processes of their own.
SELECT coalesce(max(o.entity_id) + 1 - %(base)s, 0) AS next_id
FROM staging.outcome AS o
WHERE o.stream = %(stream)s AND o.entity_id >= %(base)s AND o.entity_id < %(base)s + 1000000000000
