-- The rejected row carries the id of a clean row.
UPDATE staging.outcome SET entity_id = 10 WHERE seq = 9;
DELETE FROM staging.event WHERE seq < 9;
