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

COMMENT ON COLUMN staging.merge_cursor.taken_seq IS 'The last raw row taken so far: the merge goes on behind it.';
COMMENT ON COLUMN staging.merge_cursor.taken_at IS 'When it was received: what comes next was received no more than a day before.';
COMMENT ON COLUMN staging.merge_cursor.looked_xid IS
'Of transactions before this one, all raw rows up to taken_seq have been taken; a later one may have committed behind the cursor.';
COMMENT ON COLUMN staging.merge_cursor.passed_seq IS 'All raw rows up to this one have been taken, and none can come among them any more.';
COMMENT ON COLUMN staging.merge_cursor.passed_at IS 'When that was seen: what comes late was received no more than a day before.';
COMMENT ON COLUMN staging.merge_cursor.next_passed_seq IS 'What passed_seq may move to next.';
COMMENT ON COLUMN staging.merge_cursor.next_passed_xid IS
'When: once no transaction before this one is under way any more; NULL where the next merge is to say.';
