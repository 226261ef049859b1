-- What is pending: a raw row without an outcome. staging.pending_row looks at all raw rows. staging.pending_of_stream
-- returns the same count at a cost that does not grow with history, because it only looks at rows after the cursor's position.
-- The merge and the archive write the condition themselves, with bounds on both tables, so that they read few partitions. Rebuild does
-- too, because it also looks at archived raw rows.
CREATE VIEW staging.pending_row AS
SELECT
    e.seq,
    e.stream,
    e.received_at
FROM staging.event AS e
WHERE
    NOT EXISTS (
        SELECT FROM staging.outcome AS o
        WHERE o.seq = e.seq AND o.received_at = coalesce(e.received_at, '-infinity')
    );

COMMENT ON VIEW staging.pending_row IS 'One row per raw row without an outcome. It reads all raw rows: name a range of received_at or seq.';
COMMENT ON COLUMN staging.pending_row.seq IS 'The raw row.';
COMMENT ON COLUMN staging.pending_row.stream IS 'Its stream.';
COMMENT ON COLUMN staging.pending_row.received_at IS 'When it was received.';

-- It asks for one stream after the other, with the cursor's values: the planner then knows how few rows are behind it, and a cluster can
-- answer. Each time it is planned for these values, because a plan for all values opens the partitions of all days.
CREATE OR REPLACE FUNCTION staging.pending_of_stream(most bigint)
RETURNS TABLE (stream text, pending bigint, pending_since timestamptz)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    place record;
    rows_behind bigint;
BEGIN
    FOR place IN
        -- Of what can appear behind the cursor, that of the transactions that have ended by now.
        SELECT
            p.*,
            least(p.looked_seq, ended.after_seq) AS after_seq,
            ended.xids,
            ended.is_of_all
        FROM staging.merge_place AS p
        CROSS JOIN LATERAL (
            SELECT
                min(b.after_seq) AS after_seq,
                array_agg(b.xid) AS xids,
                coalesce(bool_or(b.xid IS NULL), FALSE) AS is_of_all
            FROM staging.look_back AS b
            WHERE b.stream = p.stream AND (b.xid IS NULL OR pg_visible_in_snapshot(b.xid, pg_current_snapshot()))
        ) AS ended
    LOOP
        rows_behind := 0;
        pending := 0;
        pending_since := NULL;
        IF place.after_seq < place.taken_seq THEN
            -- Behind the cursor, most rows have an outcome.
            SELECT
                count(*),
                count(*) FILTER (WHERE behind.is_pending),
                min(behind.received_at) FILTER (WHERE behind.is_pending)
            INTO rows_behind, pending, pending_since
            FROM (
                SELECT
                    e.received_at,
                    (
                        SELECT count(*) = 0
                        FROM staging.outcome AS o
                        WHERE
                            o.seq = e.seq
                            AND o.received_at = coalesce(e.received_at, '-infinity')
                            AND (o.received_at >= place.pending_from OR o.received_at = '-infinity')
                    ) AS is_pending
                FROM staging.event AS e
                WHERE
                    e.stream = place.stream
                    AND e.seq > place.after_seq
                    AND e.seq <= place.taken_seq
                    AND (e.received_at >= place.pending_from OR e.received_at IS NULL)
                    AND CASE
                        WHEN place.is_of_all THEN TRUE
                        WHEN e.seq > place.looked_seq THEN NOT pg_visible_in_snapshot(e.xid, place.looked_snapshot)
                        ELSE e.xid = any(place.xids)
                    END
                ORDER BY e.seq
                LIMIT most
            ) AS behind;
        END IF;
        SELECT
            pending + count(*),
            least(pending_since, min(ahead.received_at))
        INTO pending, pending_since
        FROM (
            SELECT e.received_at
            FROM staging.event AS e
            WHERE
                e.stream = place.stream
                AND e.seq > place.taken_seq
                AND (e.received_at >= place.pending_from OR e.received_at IS NULL)
            ORDER BY e.seq
            LIMIT most - rows_behind
        ) AS ahead;
        stream := place.stream;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION staging.pending_of_stream(bigint) IS
'One row per stream: how many raw rows are pending and since when the oldest is; it looks at so many at most, and at all of them if that is NULL.';
