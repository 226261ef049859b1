-- No rows: gives tables the comments that were kept, if they lost them.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        SELECT
            k.relation,
            k."column" AS attname,
            k.comment
        FROM jsonb_to_recordset(current_setting('office.comments')::jsonb) AS k (relation text, "column" text, comment text)
        LEFT JOIN pg_attribute AS a ON to_regclass(k.relation) = a.attrelid AND k."column" = a.attname
        WHERE
            to_regclass(k.relation) IS NOT NULL
            AND CASE
                WHEN k."column" IS NULL THEN obj_description(to_regclass(k.relation), 'pg_class')
                ELSE col_description(a.attrelid, a.attnum)
            END IS NULL
    LOOP
        IF kept.attname IS NULL THEN
            EXECUTE format('COMMENT ON TABLE %s IS %L', kept.relation, kept.comment);
        ELSE
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', kept.relation, kept.attname, kept.comment);
        END IF;
    END LOOP;
END
$$
