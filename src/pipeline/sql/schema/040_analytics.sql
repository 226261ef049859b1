-- The analytics tables: what is published, what is to be computed again, and what the checks said.
CREATE SCHEMA IF NOT EXISTS analytics;
COMMENT ON SCHEMA analytics IS 'Revenue per 10-minute window and category, and the checks that let it through.';

CREATE TABLE IF NOT EXISTS analytics.tracked_diagnosis (
    icd10_code text PRIMARY KEY,
    category text NOT NULL,
    backfilled_at timestamptz
);

INSERT INTO analytics.tracked_diagnosis (icd10_code, category)
VALUES ('R41.3', 'Amnesia'), ('J44.9', 'Asthma')
ON CONFLICT (icd10_code) DO NOTHING;

COMMENT ON TABLE analytics.tracked_diagnosis IS 'One row per diagnosis code that counts. INSERT a row to add a category.';
COMMENT ON COLUMN analytics.tracked_diagnosis.icd10_code IS 'The ICD-10-CM code.';
COMMENT ON COLUMN analytics.tracked_diagnosis.category IS 'The category it counts for.';
COMMENT ON COLUMN analytics.tracked_diagnosis.backfilled_at IS
'When the windows that were there before it were marked to be computed again.';

CREATE TABLE IF NOT EXISTS analytics.quality_run (
    quality_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verdict text NOT NULL DEFAULT 'running'
    CHECK (verdict IN ('running', 'published', 'partly_blocked', 'blocked', 'nothing_due')),
    windows_published bigint NOT NULL DEFAULT 0,
    windows_blocked bigint NOT NULL DEFAULT 0,
    merged_from bigint NOT NULL,
    merged_through bigint NOT NULL,
    closed_before timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);

COMMENT ON TABLE analytics.quality_run IS 'One row per analytics run.';
COMMENT ON COLUMN analytics.quality_run.quality_run_id IS 'Number of the run.';
COMMENT ON COLUMN analytics.quality_run.verdict IS 'published, partly_blocked, blocked or nothing_due; running until it ends.';
COMMENT ON COLUMN analytics.quality_run.windows_published IS 'Windows that it published.';
COMMENT ON COLUMN analytics.quality_run.windows_blocked IS 'Windows that a critical check held back.';
COMMENT ON COLUMN analytics.quality_run.merged_from IS 'The raw rows it checked were merged after this batch …';
COMMENT ON COLUMN analytics.quality_run.merged_through IS '… and up to this one.';
COMMENT ON COLUMN analytics.quality_run.closed_before IS 'Windows that ended by then were due.';
COMMENT ON COLUMN analytics.quality_run.started_at IS 'When it began.';
COMMENT ON COLUMN analytics.quality_run.finished_at IS 'When it ended.';

CREATE TABLE IF NOT EXISTS analytics.quality_check (
    check_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    suite text NOT NULL,
    check_name text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    status text NOT NULL CHECK (status IN ('passed', 'failed', 'errored')),
    rows_at_fault bigint,
    rows_checked bigint,
    window_start timestamptz
);

CREATE INDEX IF NOT EXISTS quality_check_run ON analytics.quality_check (quality_run_id);

COMMENT ON TABLE analytics.quality_check IS
'One row per check and run; where windows were checked one by one, per window that it failed on.';
COMMENT ON COLUMN analytics.quality_check.check_id IS 'Number of the result.';
COMMENT ON COLUMN analytics.quality_check.quality_run_id IS 'The analytics run.';
COMMENT ON COLUMN analytics.quality_check.suite IS 'The suite: staging, claim, diagnose or revenue.';
COMMENT ON COLUMN analytics.quality_check.check_name IS
'What is checked, in words.';
COMMENT ON COLUMN analytics.quality_check.severity IS 'critical holds the figures back, warning lets them through and is shown.';
COMMENT ON COLUMN analytics.quality_check.status IS 'passed, failed, or errored where the check itself broke.';
COMMENT ON COLUMN analytics.quality_check.rows_at_fault IS 'Rows that do not hold to it, where they can be counted.';
COMMENT ON COLUMN analytics.quality_check.rows_checked IS 'Rows that were looked at, where they can be counted.';
COMMENT ON COLUMN analytics.quality_check.window_start IS
'The blocked window that it held back; empty where it looked at all of the run''s windows.';

CREATE TABLE IF NOT EXISTS analytics.dirty_window (
    mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_start timestamptz NOT NULL,
    run_id bigint REFERENCES staging.merge_run (run_id),
    marked_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS dirty_window_start ON analytics.dirty_window (window_start);

COMMENT ON TABLE analytics.dirty_window IS
'Marks: windows that are to be computed again. Publishing a window clears the marks that its figures take in.';
COMMENT ON COLUMN analytics.dirty_window.mark_id IS 'Number of the mark.';
COMMENT ON COLUMN analytics.dirty_window.window_start IS 'The window.';
COMMENT ON COLUMN analytics.dirty_window.run_id IS 'The batch that changed it; empty where it was marked by hand or for a new category.';
COMMENT ON COLUMN analytics.dirty_window.marked_at IS 'When it was marked.';

CREATE TABLE IF NOT EXISTS analytics.revenue_candidate (
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    window_start timestamptz NOT NULL,
    category text NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    claims bigint NOT NULL,
    patients bigint NOT NULL,
    mark_id bigint NOT NULL,
    PRIMARY KEY (quality_run_id, window_start, category)
);

CREATE INDEX IF NOT EXISTS revenue_candidate_window ON analytics.revenue_candidate (window_start);

COMMENT ON TABLE analytics.revenue_candidate IS 'One row per run, window and category: computed, not yet published. What stays here was blocked.';
COMMENT ON COLUMN analytics.revenue_candidate.quality_run_id IS 'The analytics run that computed it.';
COMMENT ON COLUMN analytics.revenue_candidate.window_start IS 'The window.';
COMMENT ON COLUMN analytics.revenue_candidate.category IS 'The category.';
COMMENT ON COLUMN analytics.revenue_candidate.revenue IS 'Sum of the prices.';
COMMENT ON COLUMN analytics.revenue_candidate.claims IS 'Claims behind it.';
COMMENT ON COLUMN analytics.revenue_candidate.patients IS 'Patients behind it.';
COMMENT ON COLUMN analytics.revenue_candidate.mark_id IS 'The newest mark of the window that it takes in.';

CREATE TABLE IF NOT EXISTS analytics.revenue_by_diagnosis (
    window_start timestamptz NOT NULL,
    category text NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    claims bigint NOT NULL,
    patients bigint NOT NULL,
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    published_at timestamptz NOT NULL,
    PRIMARY KEY (window_start, category)
);

COMMENT ON TABLE analytics.revenue_by_diagnosis IS 'The published figures: one row per 10-minute window and category.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.window_start IS 'Start of the window (UTC); it ends, exclusive, 10 minutes later.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.category IS 'The category of diagnosis.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.revenue IS
'Sum of the prices of the window''s claims whose patient had a diagnosis of the category by the end of the window.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.claims IS 'Claims behind the figure.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.patients IS 'Patients behind the figure.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.quality_run_id IS 'The analytics run that computed and checked it.';
COMMENT ON COLUMN analytics.revenue_by_diagnosis.published_at IS 'When it was published.';

-- A window's claims; a patient's claims (late diagnoses); a patient's first diagnosis of a code.
CREATE INDEX IF NOT EXISTS claim_tsp ON claim (tsp);
CREATE INDEX IF NOT EXISTS claim_patient_tsp ON claim (patient_id, tsp);
CREATE INDEX IF NOT EXISTS diagnose_code_patient_tsp ON diagnose (icd10_code, patient_id, tsp);
CREATE INDEX IF NOT EXISTS diagnose_tsp ON diagnose (tsp);
