-- No rows: the planner learns how large the rebuilt layer is.
ANALYZE rebuilt_outcome, rebuilt_claim, rebuilt_diagnose
