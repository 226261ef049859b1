-- analytics.window_release: one row per window that somebody published by hand although a check held it back.
CREATE TABLE analytics.window_release (
    release_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_start timestamptz NOT NULL,
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    failed_checks text[] NOT NULL,
    reason text NOT NULL CONSTRAINT reason_says_something CHECK (reason ~ '\S'),
    released_by text NOT NULL,
    released_at timestamptz NOT NULL
);

CREATE INDEX window_release_start ON analytics.window_release (window_start);
