-- What is gone: a raw row of staging.erasure that is neither in staging nor in the archive. A backup can have brought it back since.
CREATE VIEW staging.gone_row AS
SELECT
    x.seq,
    x.stream,
    x.entity_id,
    x.fate,
    x.reject_reason,
    x.run_id,
    x.received_at,
    x.found_at,
    x.reason IS NOT NULL AS is_recorded,
    x.reason,
    x.recorded_by,
    x.recorded_at
FROM staging.erasure AS x
WHERE
    NOT EXISTS (
        SELECT FROM staging.event AS e
        WHERE e.seq = x.seq AND staging.same_arrival(e.received_at, x.received_at)
    )
    AND NOT EXISTS (
        SELECT FROM staging.archived_day AS a
        WHERE x.received_at >= coalesce(a.begins_at, '-infinity') AND x.received_at < a.ends_at AND x.seq <@ a.seqs
    );

COMMENT ON VIEW staging.gone_row IS
'One row per raw row that was found gone, and is neither in staging nor in the archive now.';
COMMENT ON COLUMN staging.gone_row.seq IS 'The raw row.';
COMMENT ON COLUMN staging.gone_row.stream IS 'Its stream.';
COMMENT ON COLUMN staging.gone_row.entity_id IS 'Its id, if it was valid.';
COMMENT ON COLUMN staging.gone_row.fate IS 'What had become of it: merged, duplicate, conflict or rejected.';
COMMENT ON COLUMN staging.gone_row.reject_reason IS 'Why it was rejected: a reason of the contract.';
COMMENT ON COLUMN staging.gone_row.run_id IS 'The batch that decided.';
COMMENT ON COLUMN staging.gone_row.received_at IS 'When it was received, or -infinity if it had no time.';
COMMENT ON COLUMN staging.gone_row.found_at IS 'When it was found gone.';
COMMENT ON COLUMN staging.gone_row.is_recorded IS 'Whether its erasure is on the record. If not, it holds back the windows that it touches.';
COMMENT ON COLUMN staging.gone_row.reason IS 'Why it was erased.';
COMMENT ON COLUMN staging.gone_row.recorded_by IS 'Who recorded that: the user of the machine and of the database.';
COMMENT ON COLUMN staging.gone_row.recorded_at IS 'When that was recorded.';
