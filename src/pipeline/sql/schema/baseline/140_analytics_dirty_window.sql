-- analytics.dirty_window: one row per mark: a window that has to be computed again.
-- Publishing a window clears only the marks that its figures have taken in: a merge can set a new one meanwhile.
CREATE TABLE analytics.dirty_window (
    mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_start timestamptz NOT NULL,
    run_id bigint REFERENCES staging.merge_run (run_id),
    marked_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX dirty_window_start ON analytics.dirty_window (window_start);
