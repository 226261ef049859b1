-- staging.id_scope: one row: whether an id tells an event by itself, or together with the office it came from.
CREATE TABLE IF NOT EXISTS staging.id_scope (
    is_only boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only),
    ids text NOT NULL DEFAULT 'global' CHECK (ids IN ('global', 'per_office')),
    decided_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO staging.id_scope (is_only) VALUES (TRUE) ON CONFLICT (is_only) DO NOTHING;

COMMENT ON TABLE staging.id_scope IS 'One row: how ids are told apart; settled once the first raw row has an outcome.';
COMMENT ON COLUMN staging.id_scope.is_only IS 'True: there is one row.';
COMMENT ON COLUMN staging.id_scope.ids IS
'global: an id tells an event by itself; per_office: with the number of its office, and the key is that number times 10^14 plus the id.';
COMMENT ON COLUMN staging.id_scope.decided_at IS 'When that was decided.';
