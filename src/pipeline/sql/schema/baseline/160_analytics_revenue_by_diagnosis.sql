-- analytics.revenue_by_diagnosis: one row per published window and category: the figures of the business team.
CREATE TABLE analytics.revenue_by_diagnosis (
    window_start timestamptz NOT NULL,
    category text NOT NULL,
    revenue numeric(30, 2) NOT NULL,
    claims bigint NOT NULL,
    patients bigint NOT NULL,
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    published_at timestamptz NOT NULL,
    PRIMARY KEY (window_start, category)
);

CREATE INDEX revenue_by_diagnosis_published_at ON analytics.revenue_by_diagnosis (published_at);
