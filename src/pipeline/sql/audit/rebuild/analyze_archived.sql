-- No rows: updates the planner's statistics of the raw rows from the archive.
ANALYZE archived_row
