-- received = merged + duplicate + conflict + rejected + pending, for each stream
SELECT
    r.stream,
    r.received,
    r.merged + r.duplicate + r.conflict + r.rejected + r.pending AS accounted_for
FROM audit.reconciliation AS r
WHERE NOT r.balanced
