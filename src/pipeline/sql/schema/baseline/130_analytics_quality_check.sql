-- analytics.quality_check: one row per check and run; where windows were checked one by one, per window that it failed on.
CREATE TABLE analytics.quality_check (
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

CREATE INDEX quality_check_run ON analytics.quality_check (quality_run_id);
