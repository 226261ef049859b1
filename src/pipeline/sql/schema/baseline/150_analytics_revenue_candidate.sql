-- analytics.revenue_candidate: one row per run, window and category: computed, and not published. Held-back windows stay here.
CREATE TABLE analytics.revenue_candidate (
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    window_start timestamptz NOT NULL,
    category text NOT NULL,
    revenue numeric(30, 2) NOT NULL,
    claims bigint NOT NULL,
    patients bigint NOT NULL,
    mark_id bigint NOT NULL,
    PRIMARY KEY (quality_run_id, window_start, category)
);

CREATE INDEX revenue_candidate_window ON analytics.revenue_candidate (window_start);
