-- No row: the views that tell what belongs to which office are gone, where ids tell an event by themselves.
DROP SCHEMA IF EXISTS offices CASCADE
