-- analytics.window_release: one row per window that was published by hand although a check held it back.
CREATE TABLE IF NOT EXISTS analytics.window_release (
    release_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_start timestamptz NOT NULL,
    quality_run_id bigint NOT NULL REFERENCES analytics.quality_run (quality_run_id),
    failed_checks text[] NOT NULL,
    reason text NOT NULL CONSTRAINT reason_says_something CHECK (reason ~ '\S'),
    released_by text NOT NULL,
    released_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS window_release_start ON analytics.window_release (window_start);

COMMENT ON TABLE analytics.window_release IS
'One row per window published by hand although a check held it back. It stands until another run publishes the window.';
COMMENT ON COLUMN analytics.window_release.release_id IS 'Number of the release.';
COMMENT ON COLUMN analytics.window_release.window_start IS 'The window.';
COMMENT ON COLUMN analytics.window_release.quality_run_id IS 'The analytics run whose figures were held back, and are published with this.';
COMMENT ON COLUMN analytics.window_release.failed_checks IS 'The checks that held them back, in words.';
COMMENT ON COLUMN analytics.window_release.reason IS 'Why they were published all the same, as given by the person who did it.';
COMMENT ON COLUMN analytics.window_release.released_by IS 'Who did it: the user of the machine, and of the database.';
COMMENT ON COLUMN analytics.window_release.released_at IS 'When.';
