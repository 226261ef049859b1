-- One row if the id scope was changed; none if something is merged already.
UPDATE staging.id_scope
SET
    ids = %(ids)s,
    decided_at = now()
WHERE NOT EXISTS (SELECT FROM staging.outcome)
RETURNING ids
