-- One row per derived outcome that replaces another one or fills a gap.
INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
SELECT
    r.seq,
    r.stream,
    r.entity_id,
    r.fate,
    r.reason,
    r.run_id,
    r.received_at
FROM rebuilt_difference AS d
INNER JOIN rebuilt_outcome AS r ON d.id = r.seq
WHERE d.relation = 'outcome'
ORDER BY r.seq
