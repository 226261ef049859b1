-- One row where it could still be decided otherwise: as long as nothing has been merged.
UPDATE staging.id_scope
SET
    ids = %(ids)s,
    decided_at = now()
WHERE NOT EXISTS (SELECT FROM staging.outcome)
RETURNING ids
