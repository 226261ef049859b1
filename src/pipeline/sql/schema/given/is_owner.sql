-- One row: whether the user owns the clean tables, so that he may make indexes on them.
SELECT bool_and(pg_has_role(current_user, c.relowner, 'USAGE')) AS is_owner
FROM pg_class AS c
WHERE c.oid IN ('claim'::regclass, 'diagnose'::regclass)
