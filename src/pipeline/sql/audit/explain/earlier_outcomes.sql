-- One row per outcome of the raw rows that a replay took back, in the order of merging.
-- The linter takes the parameter for a column.
-- noqa: disable=RF02
SELECT
    h.seq,
    h.fate,
    h.reason,
    h.run_id,
    m.finished_at AS merged_at,
    h.replayed_at
FROM staging.outcome_history AS h
INNER JOIN staging.merge_run AS m ON h.run_id = m.run_id
WHERE h.seq = any(%(seqs)s::bigint[])
ORDER BY h.seq, h.run_id
