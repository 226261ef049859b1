-- Says what the tables of staging hold. Adminer shows it.
COMMENT ON SCHEMA staging IS 'What arrived, and what became of it.';
COMMENT ON TABLE staging.event IS
'Raw layer: one row per arrival, exactly as it came. Only ever appended to. A partition a day (UTC) of arrival.';
COMMENT ON COLUMN staging.event.seq IS 'Number of the raw row, in the order of writing.';
COMMENT ON COLUMN staging.event.stream IS 'The stream it came from: claim or diagnose.';
COMMENT ON COLUMN staging.event.payload IS 'What arrived, verbatim.';
COMMENT ON COLUMN staging.event.payload_bytes IS 'What arrived, where it is not text that PostgreSQL can hold.';
COMMENT ON COLUMN staging.event.received_at IS 'When it was received; it says in which partition the row is.';
COMMENT ON COLUMN staging.event.xid IS 'The transaction that wrote it: what ends late is told apart by it.';
COMMENT ON TABLE staging.event_default IS 'Raw rows of no day, or of a day whose partition is not there.';
COMMENT ON TABLE staging.id_scope IS 'One row: how ids are told apart; settled once the first raw row has an outcome.';
COMMENT ON COLUMN staging.id_scope.is_only IS 'True: there is one row.';
COMMENT ON COLUMN staging.id_scope.ids IS
'global: an id tells an event by itself; per_office: with the number of its office, and the key is that number times 10^14 plus the id.';
COMMENT ON COLUMN staging.id_scope.decided_at IS 'When that was decided.';
COMMENT ON TABLE staging.merge_run IS 'One row per batch of the merge; a batch is one transaction.';
COMMENT ON COLUMN staging.merge_run.run_id IS 'Number of the batch: the order in which batches of a stream were merged.';
COMMENT ON COLUMN staging.merge_run.stream IS 'The stream that was merged.';
COMMENT ON COLUMN staging.merge_run.contract IS 'The version of the contract that judged its raw rows.';
COMMENT ON COLUMN staging.merge_run.is_sweep IS 'Whether it looked for raw rows without an outcome, instead of following the cursor.';
COMMENT ON COLUMN staging.merge_run.merged IS 'Raw rows that became a clean row.';
COMMENT ON COLUMN staging.merge_run.duplicate IS 'Raw rows that repeat the content of an id already merged.';
COMMENT ON COLUMN staging.merge_run.conflict IS 'Raw rows that come with other content for an id already merged.';
COMMENT ON COLUMN staging.merge_run.rejected IS 'Raw rows that break the contract.';
COMMENT ON COLUMN staging.merge_run.dirtied_windows IS 'Windows that are to be computed again because of this batch.';
COMMENT ON COLUMN staging.merge_run.started_at IS 'When the batch''s transaction began.';
COMMENT ON COLUMN staging.merge_run.finished_at IS 'When the batch was merged.';
COMMENT ON TABLE staging.merge_cursor IS 'One row per stream: how far its merge has come. The merger that works holds its lock.';
COMMENT ON COLUMN staging.merge_cursor.stream IS 'The stream.';
COMMENT ON COLUMN staging.merge_cursor.merged IS 'Raw rows merged so far.';
COMMENT ON COLUMN staging.merge_cursor.duplicate IS 'Duplicates so far.';
COMMENT ON COLUMN staging.merge_cursor.conflict IS 'Conflicts so far.';
COMMENT ON COLUMN staging.merge_cursor.rejected IS 'Rejected raw rows so far.';
COMMENT ON TABLE staging.outcome IS
'One row per raw row that was taken: what became of it. A raw row without one is pending. A partition a day (UTC) of arrival.';
COMMENT ON COLUMN staging.outcome.seq IS 'The raw row.';
COMMENT ON COLUMN staging.outcome.stream IS 'Its stream.';
COMMENT ON COLUMN staging.outcome.entity_id IS 'The id it carries, where it has a valid one.';
COMMENT ON COLUMN staging.outcome.fate IS 'merged, duplicate, conflict or rejected.';
COMMENT ON COLUMN staging.outcome.reason IS 'Why it was rejected: a reason code of the contract.';
COMMENT ON COLUMN staging.outcome.run_id IS 'The batch that decided.';
COMMENT ON COLUMN staging.outcome.received_at IS
'When the raw row was received, -infinity where it has no such time: it says in which partition both are.';
COMMENT ON TABLE staging.outcome_default IS 'Outcomes of raw rows of no day, or of a day whose partition is not there.';
COMMENT ON COLUMN staging.merge_cursor.taken_seq IS 'The last raw row taken so far: the merge goes on behind it.';
COMMENT ON COLUMN staging.merge_cursor.taken_at IS 'When it was received: what comes next was received no more than a day before.';
COMMENT ON COLUMN staging.merge_cursor.looked_xid IS
'Of transactions before this one, all raw rows up to taken_seq have been taken; a later one may have committed behind the cursor.';
COMMENT ON COLUMN staging.merge_cursor.passed_seq IS 'All raw rows up to this one have been taken, and none can come among them any more.';
COMMENT ON COLUMN staging.merge_cursor.passed_at IS 'When that was seen: what comes late was received no more than a day before.';
COMMENT ON COLUMN staging.merge_cursor.next_passed_seq IS 'What passed_seq may move to next.';
COMMENT ON COLUMN staging.merge_cursor.next_passed_xid IS
'When: once no transaction before this one is under way any more; NULL where the next merge is to say.';
COMMENT ON COLUMN staging.merge_run.earliest_at IS
'When the earliest of its raw rows was received; -infinity where one has no time, NULL in a batch of before this was recorded.';
COMMENT ON TABLE staging.outcome_history IS
'Earlier outcomes of raw rows that were put back to pending, to be merged again. One row per outcome and replay.';
COMMENT ON COLUMN staging.outcome_history.seq IS 'The raw row.';
COMMENT ON COLUMN staging.outcome_history.stream IS 'Its stream.';
COMMENT ON COLUMN staging.outcome_history.entity_id IS 'The id it carries, where it has a valid one.';
COMMENT ON COLUMN staging.outcome_history.fate IS 'What became of it then.';
COMMENT ON COLUMN staging.outcome_history.reason IS 'Why it was rejected then.';
COMMENT ON COLUMN staging.outcome_history.run_id IS 'The batch that decided then.';
COMMENT ON COLUMN staging.outcome_history.replayed_at IS 'When it was put back to pending.';
COMMENT ON TABLE staging.reject_reason IS 'One row per reason for which a raw row is rejected: the rules of the contract, in words.';
COMMENT ON COLUMN staging.reject_reason.reason IS 'The reason''s code, as in staging.outcome.';
COMMENT ON COLUMN staging.reject_reason.meaning IS 'The same in words: which rule of the contract the raw row breaks.';
COMMENT ON TABLE staging.archived_day IS
'One row per file of raw rows that are no longer in staging.event. A day that raw rows came late for has several files.';
COMMENT ON COLUMN staging.archived_day.file_name IS 'The file, in the archive''s folder (OFFICE_ARCHIVE).';
COMMENT ON COLUMN staging.archived_day.begins_at IS
'Start of the day that its raw rows were received on; NULL where they are of all days before ends_at.';
COMMENT ON COLUMN staging.archived_day.ends_at IS 'End, exclusive, of that day.';
COMMENT ON COLUMN staging.archived_day.seqs IS 'The numbers of its raw rows.';
COMMENT ON COLUMN staging.archived_day.raw_rows IS 'How many raw rows it holds.';
COMMENT ON COLUMN staging.archived_day.file_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN staging.archived_day.sha256 IS 'Its SHA-256, in hex.';
COMMENT ON COLUMN staging.archived_day.archived_at IS 'When its raw rows were dropped from staging.event.';
