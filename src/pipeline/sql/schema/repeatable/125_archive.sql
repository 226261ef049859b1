-- Makes the partitions of days whose raw rows came late, and drops the raw rows of a day that is archived.
CREATE OR REPLACE FUNCTION staging.make_late_partitions(before timestamptz)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late_day date;
    made bigint := 0;
BEGIN
    FOR late_day IN
        SELECT DISTINCT (e.received_at AT TIME ZONE 'UTC')::date AS received_on
        FROM staging.event_default AS e
        WHERE e.received_at >= '0001-01-01 00:00:00+00' AND e.received_at < before
        ORDER BY received_on
    LOOP
        made := made + staging.make_partitions(late_day, late_day);
    END LOOP;
    RETURN made;
END
$$;

-- Drops a day's raw rows and records their file; returns NULL, or says why it dropped nothing. Nobody waits while it compares.
-- Merges and replays wait while it looks for rows without an outcome, and everybody waits for the drop itself.
CREATE OR REPLACE FUNCTION staging.drop_archived_day(
    dropped_partition text, archived_file text, archived_bytes bigint, archived_sha256 text, archived_rows bigint, archived_seqs int8multirange
)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
AS $$
DECLARE
    dropped record;
    is_recorded constant boolean := EXISTS (SELECT FROM staging.archived_day AS a WHERE a.file_name = archived_file);
    found_rows bigint;
    found_seqs int8multirange;
    pending_rows bigint;
BEGIN
    SELECT p.begins_at, p.ends_at INTO dropped
    FROM staging.day_partition AS p
    WHERE p.table_name = 'event' AND p.partition_name = dropped_partition AND NOT p.is_default;
    IF NOT FOUND THEN
        -- If it is recorded, this was done before and only the reply was lost.
        RETURN CASE WHEN NOT is_recorded THEN 'its partition is gone' END;
    END IF;
    IF is_recorded THEN
        RETURN 'its raw rows are archived already, and here again';
    END IF;
    IF dropped.ends_at > now() - interval '1 day' THEN
        RETURN 'it is not over for a day yet';
    END IF;

    EXECUTE format('LOCK TABLE staging.%I IN SHARE MODE', dropped_partition);
    -- Consecutive numbers make one range, and a day has few ranges.
    EXECUTE format(
        'WITH numbered_row AS (SELECT e.seq, e.seq - row_number() OVER (ORDER BY e.seq) AS island FROM staging.%I AS e),'
        ' island AS (SELECT int8range(min(n.seq), max(n.seq), ''[]'') AS seqs, count(*) AS raw_rows FROM numbered_row AS n GROUP BY n.island)'
        ' SELECT coalesce(sum(i.raw_rows), 0), coalesce(range_agg(i.seqs), ''{}'') FROM island AS i',
        dropped_partition
    ) INTO found_rows, found_seqs;
    IF (found_rows, found_seqs) IS DISTINCT FROM (archived_rows, archived_seqs) THEN
        RETURN 'its raw rows are not those that were exported';
    END IF;

    PERFORM c.stream FROM staging.merge_cursor AS c ORDER BY c.stream FOR UPDATE;
    EXECUTE format(
        'SELECT count(*) FROM staging.%I AS e WHERE NOT EXISTS (SELECT FROM staging.outcome AS o'
        ' WHERE o.seq = e.seq AND o.received_at = e.received_at AND o.received_at >= %L AND o.received_at < %L)',
        dropped_partition, coalesce(dropped.begins_at, '-infinity'), dropped.ends_at
    ) INTO pending_rows;
    IF pending_rows > 0 THEN
        RETURN format('%s of its raw rows have no outcome yet', pending_rows);
    END IF;

    -- A day without raw rows has no file.
    IF archived_rows > 0 THEN
        INSERT INTO staging.archived_day (file_name, begins_at, ends_at, seqs, raw_rows, file_bytes, sha256)
        VALUES (archived_file, dropped.begins_at, dropped.ends_at, archived_seqs, archived_rows, archived_bytes, archived_sha256);
    END IF;
    -- What is archived can't be merged again, so nobody waits for its patients.
    DELETE FROM staging.awaited_patient AS a
    WHERE a.received_at >= coalesce(dropped.begins_at, '-infinity') AND a.received_at < dropped.ends_at AND a.seq <@ archived_seqs;
    -- Appends wait for this lock, so it gives up soon and can be called again.
    PERFORM set_config('lock_timeout', '500ms', TRUE);
    LOCK TABLE ONLY staging.event IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('DROP TABLE staging.%I', dropped_partition);
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION staging.make_late_partitions(timestamptz) FROM public;
REVOKE EXECUTE ON FUNCTION staging.drop_archived_day(text, text, bigint, text, bigint, int8multirange) FROM public;
