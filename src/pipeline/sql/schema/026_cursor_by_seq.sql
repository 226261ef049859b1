-- An office from before the cursor went by the number of the raw row: what its last transaction says is kept.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = 'staging.merge_cursor'::regclass AND a.attname = 'last_xid') THEN
        RETURN;
    END IF;
    ALTER TABLE staging.merge_cursor
        ADD COLUMN taken_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN taken_at timestamptz NOT NULL DEFAULT '-infinity',
        ADD COLUMN looked_xid xid8 NOT NULL DEFAULT '0',
        ADD COLUMN passed_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN passed_at timestamptz NOT NULL DEFAULT '-infinity',
        ADD COLUMN next_passed_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN next_passed_xid xid8;
    UPDATE staging.merge_cursor AS c
    SET
        taken_seq = coalesce((SELECT max(o.seq) FROM staging.outcome AS o WHERE o.stream = c.stream), 0),
        looked_xid = (c.last_xid::text::numeric + 1)::text::xid8;
    ALTER TABLE staging.merge_cursor DROP COLUMN last_xid;
    DROP INDEX IF EXISTS staging.event_stream_xid_before;
END
$$;
