-- One row per outcome that was derived anew and then put back to pending: what becomes of its raw row is open again.
DELETE FROM rebuilt_outcome AS r
USING staging.outcome_history AS h
WHERE r.seq = h.seq AND r.run_id = h.run_id
