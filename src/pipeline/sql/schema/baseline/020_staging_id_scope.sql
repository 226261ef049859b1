-- staging.id_scope: one row in all: whether an id is unique among all offices, or only within its office.
CREATE TABLE staging.id_scope (
    is_only boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only),
    ids text NOT NULL DEFAULT 'global' CHECK (ids IN ('global', 'per_office')),
    decided_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO staging.id_scope (is_only) VALUES (TRUE);
