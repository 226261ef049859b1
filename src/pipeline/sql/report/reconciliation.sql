-- One row per stream: what arrived and what became of it.
SELECT
    r.stream,
    r.received,
    r.merged,
    r.duplicate,
    r.conflict,
    r.rejected,
    r.pending,
    r.balanced
FROM audit.reconciliation AS r
ORDER BY r.stream
