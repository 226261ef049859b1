-- One row: whether an id tells an event by itself, or together with its office.
SELECT s.ids
FROM staging.id_scope AS s
