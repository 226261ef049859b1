-- analytics.stream_habit: one row per analytics run, stream and measure: what was counted lately, and what the last weeks make usual.
CREATE TABLE analytics.stream_habit (
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    stream text NOT NULL,
    measure text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    received bigint NOT NULL,
    counted bigint NOT NULL,
    weeks bigint NOT NULL,
    usual numeric(20, 1),
    fewest numeric(20, 1),
    most numeric(20, 1),
    PRIMARY KEY (quality_run_id, stream, measure)
);
