-- No rows: the planner learns how many raw rows came out of the archive.
ANALYZE archived_row
