-- One row: the id scope, global or per_office.
SELECT s.ids
FROM staging.id_scope AS s
