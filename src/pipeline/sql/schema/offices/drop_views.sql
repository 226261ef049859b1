-- No rows: drops the views by office, because ids are global.
DROP SCHEMA IF EXISTS offices CASCADE
