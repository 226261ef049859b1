-- analytics.quality_run: one row per analytics run.
CREATE TABLE analytics.quality_run (
    quality_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verdict text NOT NULL DEFAULT 'running'
    CHECK (verdict IN ('running', 'published', 'partly_blocked', 'blocked', 'nothing_due')),
    windows_published bigint NOT NULL DEFAULT 0,
    windows_blocked bigint NOT NULL DEFAULT 0,
    merged_from bigint NOT NULL,
    merged_through bigint NOT NULL,
    closed_before timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    published_windows tstzmultirange NOT NULL DEFAULT '{}',
    blocked_windows tstzmultirange NOT NULL DEFAULT '{}'
);
