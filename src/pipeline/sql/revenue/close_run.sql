-- One row: the analytics run, with how it ended.
UPDATE analytics.quality_run
SET
    verdict = %(verdict)s,
    windows_published = %(windows_published)s,
    windows_blocked = %(windows_blocked)s,
    finished_at = clock_timestamp()
WHERE quality_run_id = %(quality_run_id)s
