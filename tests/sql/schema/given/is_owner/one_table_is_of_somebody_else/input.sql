CREATE ROLE a_practice;
ALTER TABLE diagnose OWNER TO a_practice;
SET LOCAL ROLE office_merge;
