-- The partitions of staging.event and staging.outcome: a list of them, and a function that makes new ones ahead of their day.

-- staging.day_partition: one row per partition of either table; begins_at is NULL for one that holds all before ends_at.
CREATE OR REPLACE VIEW staging.day_partition AS
SELECT
    parent.relname::text AS table_name,
    part.relname::text AS partition_name,
    (regexp_match(bound.expression, 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS begins_at,
    (regexp_match(bound.expression, 'TO \(''([^'']+)''\)'))[1]::timestamptz AS ends_at,
    bound.expression = 'DEFAULT' AS is_default
FROM pg_inherits AS i
INNER JOIN pg_class AS parent ON i.inhparent = parent.oid
INNER JOIN pg_class AS part ON i.inhrelid = part.oid
CROSS JOIN LATERAL (SELECT pg_get_expr(part.relpartbound, part.oid) AS expression) AS bound
WHERE parent.oid IN ('staging.event'::regclass, 'staging.outcome'::regclass) AND part.relkind = 'r';

COMMENT ON VIEW staging.day_partition IS 'One row per partition of staging.event and staging.outcome, with the days that it holds.';
COMMENT ON COLUMN staging.day_partition.table_name IS 'event or outcome.';
COMMENT ON COLUMN staging.day_partition.partition_name IS 'The partition, in the schema staging.';
COMMENT ON COLUMN staging.day_partition.begins_at IS
'Start of its first day; NULL if it holds everything before ends_at, or is the default partition.';
COMMENT ON COLUMN staging.day_partition.ends_at IS 'End (exclusive) of its last day; NULL for the default partition.';
COMMENT ON COLUMN staging.day_partition.is_default IS 'Whether it is the default partition, for rows that belong in no other.';

-- staging.missing_partition: one row per table and day of the stretch that has no partition.
CREATE OR REPLACE FUNCTION staging.missing_partition(first_day date, last_day date)
RETURNS TABLE (table_name text, partition_name text, begins_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        t.name,
        format('%s_%s', t.name, to_char(d.day, 'YYYYMMDD')),
        d.day AT TIME ZONE 'UTC',
        (d.day + interval '1 day') AT TIME ZONE 'UTC'
    FROM (VALUES ('event'), ('outcome')) AS t (name)
    CROSS JOIN generate_series(first_day::timestamp, last_day::timestamp, interval '1 day') AS d (day)
    WHERE NOT EXISTS (
        SELECT FROM staging.day_partition AS p
        WHERE
            p.table_name = t.name
            AND p.ends_at > d.day AT TIME ZONE 'UTC'
            AND coalesce(p.begins_at, '-infinity') < (d.day + interval '1 day') AT TIME ZONE 'UTC'
    )
$$;

-- Makes the missing partitions of a range of days and returns how many it made. It makes each as a table of its own and then
-- attaches it, so that appends go on meanwhile. If a lock is busy, it gives up soon and can be called again.
CREATE OR REPLACE FUNCTION staging.make_partitions(first_day date, last_day date)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms'
AS $$
DECLARE
    missing record;
    made bigint := 0;
BEGIN
    IF last_day - first_day > 400 THEN
        RAISE 'more than 400 days at once' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One process at a time. The next statement sees the partitions that another one has made meanwhile.
    LOCK TABLE staging.event, staging.outcome IN SHARE UPDATE EXCLUSIVE MODE;
    FOR missing IN SELECT * FROM staging.missing_partition(first_day, last_day) LOOP
        -- Rows are only appended, so vacuum can freeze them soon after they were written.
        EXECUTE format(
            'CREATE TABLE staging.%I (LIKE staging.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION)'
            ' WITH (fillfactor = 100, autovacuum_vacuum_insert_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.05,'
            ' autovacuum_freeze_min_age = 0)',
            missing.partition_name, missing.table_name
        );
        EXECUTE format(
            'COMMENT ON TABLE staging.%I IS %L', missing.partition_name,
            format('The rows of staging.%s that were received on %s (UTC).', missing.table_name, to_char(missing.begins_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
        );
        EXECUTE format('LOCK TABLE staging.%I IN ACCESS EXCLUSIVE MODE', missing.table_name || '_default');
        EXECUTE format(
            'WITH moved_row AS (DELETE FROM staging.%I WHERE received_at >= %L AND received_at < %L RETURNING *)'
            ' INSERT INTO staging.%I SELECT * FROM moved_row',
            missing.table_name || '_default', missing.begins_at, missing.ends_at, missing.partition_name
        );
        EXECUTE format(
            'ALTER TABLE staging.%I ATTACH PARTITION staging.%I FOR VALUES FROM (%L) TO (%L)',
            missing.table_name, missing.partition_name, missing.begins_at, missing.ends_at
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

REVOKE EXECUTE ON FUNCTION staging.make_partitions(date, date) FROM public;
