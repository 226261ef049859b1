-- One row: the batch, with its counts.
UPDATE staging.merge_run
SET
    merged = %(merged)s,
    duplicate = %(duplicate)s,
    conflict = %(conflict)s,
    rejected = %(rejected)s,
    dirtied_windows = %(dirtied_windows)s,
    earliest_at = %(earliest_at)s::timestamptz,
    finished_at = clock_timestamp()
WHERE run_id = %(run_id)s
