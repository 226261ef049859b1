-- What arrives, stream by stream. These are functions, so that a statement about local tables can ask a cluster for it.
-- Each time they are planned for the times asked for, because a plan for all times opens the partitions of all days.
-- staging.count_arrivals: one row per call: how many raw rows of a stream were received after after_time and up to until_time. It stops
-- counting at most; NULL counts all.
CREATE OR REPLACE FUNCTION staging.count_arrivals(of_stream text, after_time timestamptz, until_time timestamptz, most bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN (
        SELECT count(*)
        FROM (
            SELECT e.seq
            FROM staging.event AS e
            WHERE e.stream = of_stream AND e.received_at > after_time AND e.received_at <= until_time
            LIMIT most
        ) AS arrival
    );
END
$$;

COMMENT ON FUNCTION staging.count_arrivals(text, timestamptz, timestamptz, bigint) IS
'How many raw rows of a stream were received after a time and until another one: so many at most, and all of them if that is NULL.';

-- staging.newest_arrival: one row per call: when the newest raw row of a stream was received; NULL if there is none. It looks into the
-- days from the cursor on first, because it takes long to look into all of them.
CREATE OR REPLACE FUNCTION staging.newest_arrival(of_stream text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    recent_from timestamptz := (
        SELECT p.taken_from
        FROM staging.merge_place AS p
        WHERE p.stream = of_stream
    );
    newest timestamptz;
BEGIN
    SELECT e.received_at
    INTO newest
    FROM staging.event AS e
    WHERE e.stream = of_stream AND (e.received_at >= recent_from OR e.received_at IS NULL)
    ORDER BY e.seq DESC
    LIMIT 1;
    IF NOT FOUND THEN
        SELECT e.received_at
        INTO newest
        FROM staging.event AS e
        WHERE e.stream = of_stream
        ORDER BY e.seq DESC
        LIMIT 1;
    END IF;
    RETURN newest;
END
$$;

COMMENT ON FUNCTION staging.newest_arrival(text) IS 'When the newest raw row of a stream was received; NULL if there is none.';
