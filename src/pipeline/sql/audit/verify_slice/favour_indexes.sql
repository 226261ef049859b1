-- No rows: what is recent is in memory, so that the planner needn't fear to look a few rows up rather than read a whole table.
SET LOCAL random_page_cost = 1.1
