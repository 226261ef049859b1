-- analytics.trouble: one row per trouble that somebody is told about: a window that is held back, a stream that is silent, and so on.
CREATE TABLE analytics.trouble (
    trouble_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    subject text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz
);

-- A trouble that goes on is not there twice.
CREATE UNIQUE INDEX trouble_that_goes_on ON analytics.trouble (kind, subject) WHERE ended_at IS NULL;

-- analytics.notice: one row per receiver and kind of trouble: what the receiver was told last, and when.
CREATE TABLE analytics.notice (
    receiver text NOT NULL,
    kind text NOT NULL,
    told bigint[] NOT NULL DEFAULT '{}',
    tried_at timestamptz,
    told_at timestamptz,
    PRIMARY KEY (receiver, kind)
);
