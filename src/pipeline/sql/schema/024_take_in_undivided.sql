-- What 005 set aside: the raw rows become, where they are, the partition of all days before tomorrow; the outcomes move, each
-- with the time of its raw row, beside which it is kept. Readers and writers wait for the end of it.
DO $$
DECLARE
    ends_at constant timestamptz := date_trunc('day', now(), 'UTC') + interval '1 day';
    ends_on constant text := to_char(ends_at AT TIME ZONE 'UTC', 'YYYYMMDD');
    last_seq bigint;
BEGIN
    IF to_regclass('staging.event_undivided') IS NULL THEN
        RETURN;
    END IF;

    SELECT last_value INTO last_seq FROM staging.event_undivided_seq;
    ALTER TABLE staging.event_undivided ALTER COLUMN seq DROP IDENTITY;
    PERFORM setval(pg_get_serial_sequence('staging.event', 'seq'), last_seq);

    -- What has no time, or one still to come, goes to the partition for all that has no day.
    WITH moved_row AS (
        DELETE FROM staging.event_undivided
        WHERE received_at IS NULL OR received_at >= ends_at
        RETURNING seq, stream, payload, payload_bytes, received_at, xid
    )

    INSERT INTO staging.event (seq, stream, payload, payload_bytes, received_at, xid) OVERRIDING SYSTEM VALUE
    SELECT m.seq, m.stream, m.payload, m.payload_bytes, m.received_at, m.xid
    FROM moved_row AS m;

    EXECUTE format('ALTER TABLE staging.event_undivided RENAME TO %I', 'event_before_' || ends_on);
    EXECUTE format('ALTER TABLE staging.event ATTACH PARTITION staging.%I FOR VALUES FROM (MINVALUE) TO (%L)', 'event_before_' || ends_on, ends_at);
    EXECUTE format('CREATE TABLE staging.%I PARTITION OF staging.outcome FOR VALUES FROM (MINVALUE) TO (%L)', 'outcome_before_' || ends_on, ends_at);
    EXECUTE format(
        'COMMENT ON TABLE staging.%I IS %L', 'event_before_' || ends_on, 'One row per arrival before the tables were divided into days.'
    );

    INSERT INTO staging.outcome (seq, stream, entity_id, fate, reason, run_id, received_at)
    SELECT o.seq, o.stream, o.entity_id, o.fate, o.reason, o.run_id, coalesce(e.received_at, '-infinity') AS received_at
    FROM staging.outcome_undivided AS o
    LEFT JOIN staging.event AS e ON o.seq = e.seq
    ORDER BY o.seq;

    -- These look at the table that goes; the files that follow make them anew, as the statistics.
    DROP VIEW IF EXISTS audit.window_claims, audit.reconciliation, audit.conflicts, audit.rejected, audit.raw_vs_clean, audit.replayed;
    DROP TABLE staging.outcome_undivided;
    ANALYZE staging.event, staging.outcome;
END
$$;
