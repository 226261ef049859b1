-- Indexes by which the audit views find the few raw rows that were set aside, the newest first, among many that were not.
CREATE INDEX IF NOT EXISTS outcome_set_aside ON staging.outcome (fate, seq) WHERE fate IN ('conflict', 'rejected');
CREATE INDEX IF NOT EXISTS outcome_reason ON staging.outcome (reason, seq) WHERE reason IS NOT NULL;

-- Every row with a reason is a rejected one: without this the planner takes a reason for a hundred times rarer than it is.
CREATE STATISTICS IF NOT EXISTS staging.outcome_fate_reason ON fate, reason FROM staging.outcome;
