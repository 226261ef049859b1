-- One row per node and shard on which a role got no rights. Citus brings the rights on a whole table to its shards, and neither those
-- on columns nor what a view reads for its reader: on the shards, the reader himself reads. A role gets there what it needs to do what
-- it may do here, no more columns than that, and may do no more here.
WITH RECURSIVE spread_table AS (
    SELECT p.logicalrelid::oid AS oid
    FROM pg_catalog.pg_dist_partition AS p
    INNER JOIN pg_catalog.pg_class AS c ON p.logicalrelid = c.oid
    WHERE NOT c.relispartition
),

role AS (
    SELECT r.rolname AS name
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolname IN ('office_ingest', 'office_merge', 'office_analytics', 'office_auditor')
),

-- A view that reads no column of a table, only its rows, depends on the table as a whole: any column will do.
read_by_view AS (
    SELECT DISTINCT
        w.ev_class AS view_oid,
        d.refobjid AS oid,
        greatest(d.refobjsubid, 1) AS column_number
    FROM pg_catalog.pg_rewrite AS w
    INNER JOIN pg_catalog.pg_depend AS d ON w.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
),

readable AS (
    SELECT
        r.name,
        v.oid,
        v.column_number
    FROM role AS r
    INNER JOIN read_by_view AS v ON has_table_privilege(r.name, v.view_oid, 'SELECT')
    UNION
    SELECT
        b.name,
        v.oid,
        v.column_number
    FROM readable AS b
    INNER JOIN read_by_view AS v ON b.oid = v.view_oid
),

granted AS (
    SELECT
        b.name,
        b.oid,
        'SELECT' AS privilege,
        b.column_number::integer AS column_number
    FROM readable AS b
    UNION
    SELECT
        r.name,
        a.attrelid,
        x.privilege_type,
        a.attnum::integer
    FROM pg_catalog.pg_attribute AS a
    CROSS JOIN LATERAL aclexplode(a.attacl) AS x
    INNER JOIN role AS r ON x.grantee = to_regrole(r.name)
    WHERE NOT a.attisdropped
),

-- An INSERT into a shard names all columns.
command AS (
    SELECT
        g.oid,
        format(
            'GRANT %s ON %%s TO %I',
            CASE
                WHEN g.privilege = 'INSERT' THEN g.privilege
                ELSE format('%s (%s)', g.privilege, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
            END,
            g.name
        ) AS text
    FROM granted AS g
    INNER JOIN spread_table AS t ON g.oid = t.oid
    INNER JOIN pg_catalog.pg_attribute AS a ON g.oid = a.attrelid AND g.column_number = a.attnum
    GROUP BY g.oid, g.privilege, g.name
)

SELECT
    p.nodename,
    p.nodeport
FROM command AS c
CROSS JOIN LATERAL pg_catalog.run_command_on_placements(c.oid::regclass, c.text) AS p
WHERE NOT p.success
