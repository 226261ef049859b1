-- One row per function of the office that the workers did not have: it was made before the database had the extension.
SELECT pg_catalog.create_distributed_function(f.oid::regprocedure) AS shared
FROM pg_catalog.pg_proc AS f
WHERE
    f.pronamespace IN (to_regnamespace('staging'), to_regnamespace('analytics'))
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_dist_object AS o
        WHERE o.classid = 'pg_proc'::regclass AND o.objid = f.oid
    )
