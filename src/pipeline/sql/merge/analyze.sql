-- One row: how many tables a batch of so many raw rows has at least doubled, which the planner now knows of.
SELECT staging.analyze_grown(%(rows)s) AS analyzed
