-- Somebody removed the clean row.
DELETE FROM claim WHERE id = 10;
