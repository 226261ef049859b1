-- No rows: recent rows are in memory, so the planner should prefer to look them up by an index.
SET LOCAL random_page_cost = 1.1
