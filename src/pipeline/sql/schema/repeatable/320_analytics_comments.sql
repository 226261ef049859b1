-- Says what the tables of analytics hold. Adminer shows it.
COMMENT ON SCHEMA analytics IS 'Revenue per window and category, and the checks that it passed.';
COMMENT ON TABLE analytics.tracked_diagnosis IS
'One row per diagnosis code that counts. Any change of it is taken in by the next analytics run.';
COMMENT ON COLUMN analytics.tracked_diagnosis.icd10_code IS 'The ICD-10 code in its normal form: upper case, with its dot, such as R41.3.';
COMMENT ON COLUMN analytics.tracked_diagnosis.category IS 'The category it counts for.';
COMMENT ON TABLE analytics.backfilled_diagnosis IS
'One row per diagnosis code that the figures were computed with. Do not change it: change analytics.tracked_diagnosis.';
COMMENT ON COLUMN analytics.backfilled_diagnosis.icd10_code IS 'The ICD-10 code.';
COMMENT ON COLUMN analytics.backfilled_diagnosis.category IS 'The category it counted for.';
COMMENT ON TABLE analytics.quality_run IS 'One row per analytics run.';
COMMENT ON COLUMN analytics.quality_run.quality_run_id IS 'Number of the run.';
COMMENT ON COLUMN analytics.quality_run.verdict IS 'published, partly_blocked, blocked or nothing_due; running until it ends.';
COMMENT ON COLUMN analytics.quality_run.windows_published IS 'Windows that it published.';
COMMENT ON COLUMN analytics.quality_run.windows_blocked IS 'Windows that a critical check held back.';
COMMENT ON COLUMN analytics.quality_run.merged_from IS 'It checked raw rows that were merged after this batch.';
COMMENT ON COLUMN analytics.quality_run.merged_through IS 'It checked raw rows that were merged up to this batch.';
COMMENT ON COLUMN analytics.quality_run.closed_before IS 'Windows that ended by then were due.';
COMMENT ON COLUMN analytics.quality_run.started_at IS 'When it began.';
COMMENT ON COLUMN analytics.quality_run.finished_at IS 'When it ended.';
COMMENT ON TABLE analytics.quality_check IS
'One row per check and run; where windows were checked one by one, per window that it failed on.';
COMMENT ON COLUMN analytics.quality_check.check_id IS 'Number of the result.';
COMMENT ON COLUMN analytics.quality_check.quality_run_id IS 'The analytics run.';
COMMENT ON COLUMN analytics.quality_check.suite IS 'The suite: staging, habit, claim, diagnose or revenue.';
COMMENT ON COLUMN analytics.quality_check.check_name IS
'What is checked, in words.';
COMMENT ON COLUMN analytics.quality_check.severity IS 'A critical check holds figures back if it fails; a warning is only shown.';
COMMENT ON COLUMN analytics.quality_check.status IS 'passed, failed, or errored if the check itself broke down.';
COMMENT ON COLUMN analytics.quality_check.rows_at_fault IS 'Rows that break it, if they can be counted.';
COMMENT ON COLUMN analytics.quality_check.rows_checked IS 'Rows that it looked at, if they can be counted.';
COMMENT ON COLUMN analytics.quality_check.window_start IS
'The window that it held back; empty if it looked at all windows of the run.';
COMMENT ON TABLE analytics.stream_habit IS
'One row per run, stream and measure: what was merged lately, and what the last weeks make usual at this hour and weekday.';
COMMENT ON COLUMN analytics.stream_habit.quality_run_id IS 'The analytics run that compared.';
COMMENT ON COLUMN analytics.stream_habit.stream IS 'The stream.';
COMMENT ON COLUMN analytics.stream_habit.measure IS
'What was counted: raw rows received, or those of them that are a duplicate, a conflict or rejected.';
COMMENT ON COLUMN analytics.stream_habit.since IS 'From when on it counted.';
COMMENT ON COLUMN analytics.stream_habit.until IS 'Until when it counted: when the run began.';
COMMENT ON COLUMN analytics.stream_habit.received IS 'Raw rows of the stream that were merged in this time.';
COMMENT ON COLUMN analytics.stream_habit.counted IS 'How many of them the measure counts.';
COMMENT ON COLUMN analytics.stream_habit.weeks IS 'How many of the last six weeks could be compared; with fewer than two, fixed shares are usual.';
COMMENT ON COLUMN analytics.stream_habit.usual IS 'How many would be usual: the median of these weeks.';
COMMENT ON COLUMN analytics.stream_habit.fewest IS 'If fewer are received, a check warns.';
COMMENT ON COLUMN analytics.stream_habit.most IS 'If more are counted, a check warns.';
COMMENT ON TABLE analytics.dirty_window IS
'One row per mark: a window that has to be computed again. Publishing clears the marks that the figures have taken in.';
COMMENT ON COLUMN analytics.dirty_window.mark_id IS 'Number of the mark.';
COMMENT ON COLUMN analytics.dirty_window.window_start IS 'The window.';
COMMENT ON COLUMN analytics.dirty_window.run_id IS 'The batch that set the mark; empty for a mark by hand or by a backfill.';
COMMENT ON COLUMN analytics.dirty_window.marked_at IS 'When it was marked.';
COMMENT ON TABLE analytics.revenue_candidate IS 'One row per run, window and category: computed and not published. Held-back windows stay here.';
COMMENT ON COLUMN analytics.revenue_candidate.quality_run_id IS 'The analytics run that computed it.';
COMMENT ON COLUMN analytics.revenue_candidate.window_start IS 'The window.';
COMMENT ON COLUMN analytics.revenue_candidate.category IS 'The category.';
COMMENT ON COLUMN analytics.revenue_candidate.revenue IS 'Sum of the prices.';
COMMENT ON COLUMN analytics.revenue_candidate.claims IS 'Claims behind it.';
COMMENT ON COLUMN analytics.revenue_candidate.patients IS 'Patients behind it.';
COMMENT ON COLUMN analytics.revenue_candidate.mark_id IS 'The newest mark that the figure has taken in.';
COMMENT ON TABLE analytics.revenue_by_diagnosis IS 'The published figures: one row per window and category.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.window_start IS
'Start of the window (UTC); its end, analytics.window_end(window_start), belongs to the next window.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.category IS 'The category of diagnosis.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.revenue IS
'Sum of the prices of the window''s claims whose patient had a diagnosis of the category by the end of the window.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.claims IS 'Claims behind the figure.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.patients IS 'Patients behind the figure.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.quality_run_id IS 'The analytics run that computed and checked it.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.published_at IS 'When it was published.';
COMMENT ON COLUMN analytics.quality_run.published_windows IS
'The windows that it published, as ranges; empty for runs from before this was recorded.';
COMMENT ON COLUMN analytics.quality_run.blocked_windows IS
'The windows that it held back, as ranges; empty for runs from before this was recorded.';
COMMENT ON TABLE analytics.window_release IS
'One row per window published by hand although a check held it back. It stands until another run publishes the window.';
COMMENT ON COLUMN analytics.window_release.release_id IS 'Number of the release.';
COMMENT ON COLUMN analytics.window_release.window_start IS 'The window.';
COMMENT ON COLUMN analytics.window_release.quality_run_id IS 'The analytics run that computed the figures and held them back.';
COMMENT ON COLUMN analytics.window_release.failed_checks IS 'The checks that held them back, in words.';
COMMENT ON COLUMN analytics.window_release.reason IS 'Why the figures are right after all, as given by the person who released them.';
COMMENT ON COLUMN analytics.window_release.released_by IS 'The user of the machine and of the database who did it.';
COMMENT ON COLUMN analytics.window_release.released_at IS 'When it was released.';
COMMENT ON TABLE analytics.trouble IS 'One row per trouble that somebody is told about.';
COMMENT ON COLUMN analytics.trouble.trouble_id IS 'Number of the trouble.';
COMMENT ON COLUMN analytics.trouble.kind IS 'held_back, silent_stream, warning, missed_run, unbalanced or unarchived.';
COMMENT ON COLUMN analytics.trouble.subject IS 'What it is about: a window, a stream, a check, a day.';
COMMENT ON COLUMN analytics.trouble.began_at IS 'Since when it is there, or was found.';
COMMENT ON COLUMN analytics.trouble.ended_at IS 'When it was found to be over; empty while it goes on.';
COMMENT ON TABLE analytics.notice IS 'One row per receiver and kind of trouble: what the receiver knows.';
COMMENT ON COLUMN analytics.notice.receiver IS 'Scheme and host of the URL of a receiver in OFFICE_NOTIFY_URLS; the URL itself is a secret.';
COMMENT ON COLUMN analytics.notice.kind IS 'The kind of trouble.';
COMMENT ON COLUMN analytics.notice.told IS 'The troubles that go on as far as the receiver knows.';
COMMENT ON COLUMN analytics.notice.tried_at IS 'When a message to it was tried last.';
COMMENT ON COLUMN analytics.notice.told_at IS 'When it took a message last.';
