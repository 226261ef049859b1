-- No rows: the planner learns what a large batch has changed, rather than a minute later.
ANALYZE staging.event, staging.outcome, claim, diagnose
