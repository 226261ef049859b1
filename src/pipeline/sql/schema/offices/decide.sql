-- One row if the id scope was changed; none if something is merged already.
UPDATE staging.id_scope
SET
    ids = %(ids)s,
    decided_at = now()
WHERE NOT EXISTS (SELECT o.seq FROM staging.outcome AS o LIMIT 1)
RETURNING ids
