-- staging.merge_run says how far back its raw rows reach: what is looked up of a batch need not be looked for in all days.
ALTER TABLE staging.merge_run ADD COLUMN IF NOT EXISTS earliest_at timestamptz;

COMMENT ON COLUMN staging.merge_run.earliest_at IS
'When the earliest of its raw rows was received; -infinity where one has no time, NULL in a batch of before this was recorded.';
