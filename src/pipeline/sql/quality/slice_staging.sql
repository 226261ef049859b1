-- One row per raw row that was merged since the last run that was not blocked.
SELECT
    o.seq,
    o.stream,
    o.entity_id,
    o.fate,
    o.reason,
    e.received_at
FROM staging.outcome AS o
LEFT JOIN staging.event AS e ON o.seq = e.seq
WHERE o.run_id > %(merged_from)s AND o.run_id <= %(merged_through)s
