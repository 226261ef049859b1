-- One row per derived outcome that a replay has taken back since: it does not count any more.
DELETE FROM rebuilt_outcome AS r
USING staging.outcome_history AS h
WHERE r.seq = h.seq AND r.run_id = h.run_id
