-- One row: the first id that no event of the stream has carried; ids near the type's end are somebody's test, not a count.
SELECT coalesce(max(o.entity_id), -1) + 1 AS next_id
FROM staging.outcome AS o
WHERE o.stream = %(stream)s AND o.entity_id < 4611686018427387904
