-- What the pages read: which windows a run was about, and indexes that keep reading quick as history grows.
ALTER TABLE analytics.quality_run
ADD COLUMN IF NOT EXISTS published_windows tstzmultirange NOT NULL DEFAULT '{}',
ADD COLUMN IF NOT EXISTS blocked_windows tstzmultirange NOT NULL DEFAULT '{}';

COMMENT ON COLUMN analytics.quality_run.published_windows IS
'The windows that it published, as stretches of time; empty for runs before this was recorded.';
COMMENT ON COLUMN analytics.quality_run.blocked_windows IS
'The windows that a critical check held back, as stretches of time; empty for runs before this was recorded.';

-- How many raw rows were rejected, by reason: as dear as there are rejected ones, however many rows there are.
CREATE INDEX IF NOT EXISTS outcome_rejected ON staging.outcome (stream, reason) WHERE fate = 'rejected';

-- The batches of the last day: they end in the order of time, so that a few pages' worth of index says where it begins.
CREATE INDEX IF NOT EXISTS merge_run_finished_at ON staging.merge_run USING brin (finished_at) WITH (autosummarize = on);
