-- staging.merge_cursor: one row per stream: how far its merge has come. A merger locks the row while it works.
CREATE TABLE staging.merge_cursor (
    stream text PRIMARY KEY,
    taken_seq bigint NOT NULL DEFAULT 0,
    taken_at timestamptz NOT NULL DEFAULT '-infinity',
    looked_xid xid8 NOT NULL DEFAULT '0',
    passed_seq bigint NOT NULL DEFAULT 0,
    passed_at timestamptz NOT NULL DEFAULT '-infinity',
    next_passed_seq bigint NOT NULL DEFAULT 0,
    next_passed_xid xid8,
    merged bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    conflict bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0
);
