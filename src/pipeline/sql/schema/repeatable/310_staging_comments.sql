-- Says what the tables of staging hold. Adminer shows it.
COMMENT ON SCHEMA staging IS 'What arrived, and what became of it.';
COMMENT ON TABLE staging.event IS
'Raw rows: one per arrival, exactly as it came. Rows are only ever added. A partition holds a day (UTC) of arrival.';
COMMENT ON COLUMN staging.event.seq IS 'Number of the raw row, in the order of writing.';
COMMENT ON COLUMN staging.event.stream IS 'The stream it came from.';
COMMENT ON COLUMN staging.event.payload IS 'What arrived, verbatim.';
COMMENT ON COLUMN staging.event.payload_bytes IS 'What arrived, if it is not text that PostgreSQL can hold.';
COMMENT ON COLUMN staging.event.received_at IS 'When it was received. This decides its partition.';
COMMENT ON COLUMN staging.event.xid IS 'The transaction that wrote it. The merge needs it to find rows that committed late.';
COMMENT ON TABLE staging.event_default IS 'Raw rows without a time, or of a day that has no partition.';
COMMENT ON TABLE staging.id_scope IS 'One row: the id scope. It is settled when the first raw row is merged.';
COMMENT ON COLUMN staging.id_scope.is_only IS 'Always true, so that there is one row only.';
COMMENT ON COLUMN staging.id_scope.ids IS
'global: ids are unique among all offices. per_office: only within one; the key is the office''s number times 10^14 plus the id.';
COMMENT ON COLUMN staging.id_scope.decided_at IS 'When the scope was set.';
COMMENT ON TABLE staging.merge_run IS 'One row per batch of the merge; a batch is one transaction.';
COMMENT ON COLUMN staging.merge_run.run_id IS 'Number of the batch. Batches of a stream were merged in this order.';
COMMENT ON COLUMN staging.merge_run.stream IS 'The stream that was merged.';
COMMENT ON COLUMN staging.merge_run.contract IS 'The version of the contract that judged its raw rows.';
COMMENT ON COLUMN staging.merge_run.is_sweep IS 'Whether it searched for raw rows without an outcome, instead of following the cursor.';
COMMENT ON COLUMN staging.merge_run.merged IS 'Raw rows that became a clean row.';
COMMENT ON COLUMN staging.merge_run.duplicate IS 'Raw rows that repeat the content of an id already merged.';
COMMENT ON COLUMN staging.merge_run.conflict IS 'Raw rows that come with other content for an id already merged.';
COMMENT ON COLUMN staging.merge_run.rejected IS 'Raw rows that break the contract.';
COMMENT ON COLUMN staging.merge_run.dirtied_windows IS 'Windows that it marked.';
COMMENT ON COLUMN staging.merge_run.started_at IS 'When the batch''s transaction began.';
COMMENT ON COLUMN staging.merge_run.finished_at IS 'When the batch was merged.';
COMMENT ON TABLE staging.merge_cursor IS 'One row per stream: how far its merge has come. A merger locks the row while it works.';
COMMENT ON COLUMN staging.merge_cursor.stream IS 'The stream.';
COMMENT ON COLUMN staging.merge_cursor.merged IS 'Raw rows merged so far.';
COMMENT ON COLUMN staging.merge_cursor.duplicate IS 'Duplicates so far.';
COMMENT ON COLUMN staging.merge_cursor.conflict IS 'Conflicts so far.';
COMMENT ON COLUMN staging.merge_cursor.rejected IS 'Rejected raw rows so far.';
COMMENT ON TABLE staging.outcome IS
'One row per raw row that was merged or rejected: what became of it. A raw row without one is pending.';
COMMENT ON COLUMN staging.outcome.seq IS 'The raw row.';
COMMENT ON COLUMN staging.outcome.stream IS 'Its stream.';
COMMENT ON COLUMN staging.outcome.entity_id IS 'Its id, if it is valid.';
COMMENT ON COLUMN staging.outcome.fate IS 'merged, duplicate, conflict or rejected.';
COMMENT ON COLUMN staging.outcome.reason IS 'Why it was rejected: a reason of the contract.';
COMMENT ON COLUMN staging.outcome.run_id IS 'The batch that decided.';
COMMENT ON COLUMN staging.outcome.received_at IS
'When the raw row was received, or -infinity if it has no time. This decides the partition of both.';
COMMENT ON TABLE staging.outcome_default IS 'Outcomes of raw rows without a time, or of a day that has no partition.';
COMMENT ON COLUMN staging.merge_cursor.emptied_at IS
'When the merge found the clean table emptied by someone; empty if it was not, or if a rebuild has put it right since.';
COMMENT ON TABLE staging.column_limit IS
'One row per column of a clean table that holds less than the contract allows, and batch from which on: what exceeds it is rejected.';
COMMENT ON COLUMN staging.column_limit.stream IS 'The clean table, and the stream that is merged into it.';
COMMENT ON COLUMN staging.column_limit.column_name IS 'The column.';
COMMENT ON COLUMN staging.column_limit.since_run IS 'The first batch that it holds for. It holds until the next row of the column.';
COMMENT ON COLUMN staging.column_limit.highest IS
'The most that the column can hold: characters of a text, or the highest whole number; empty where the contract alone sets a limit.';
COMMENT ON COLUMN staging.merge_cursor.taken_seq IS 'The highest raw row taken so far. The merge goes on after it.';
COMMENT ON COLUMN staging.merge_cursor.taken_at IS 'When that one was received. Later raw rows were received at most a day earlier.';
COMMENT ON COLUMN staging.merge_cursor.looked_seq IS
'The value of taken_seq at the last look behind the cursor. Raw rows up to here that are not taken are of transactions in staging.look_back.';
COMMENT ON COLUMN staging.merge_cursor.looked_at IS
'When that was. Rows that appear behind the cursor later were received at most a day earlier.';
COMMENT ON COLUMN staging.merge_cursor.looked_snapshot IS
'What the first batch after that look saw. Of the raw rows from there to taken_seq, all that it saw are taken.';
COMMENT ON COLUMN staging.merge_cursor.awaited_from IS
'The patient in staging.awaited_patient that the merge looks for next, with some that follow.';
COMMENT ON TABLE staging.awaited_patient IS
'One row per raw row that is rejected because its patient is unknown. When the patient comes, the merge takes the raw row again.';
COMMENT ON COLUMN staging.awaited_patient.stream IS 'The stream.';
COMMENT ON COLUMN staging.awaited_patient.patient_id IS 'The patient.';
COMMENT ON COLUMN staging.awaited_patient.seq IS 'The raw row.';
COMMENT ON COLUMN staging.awaited_patient.received_at IS 'When it was received, or -infinity if it has no time.';
COMMENT ON TABLE staging.look_back IS
'One row per stream and transaction that can still make raw rows appear behind the merge''s cursor.';
COMMENT ON COLUMN staging.look_back.stream IS 'The stream.';
COMMENT ON COLUMN staging.look_back.xid IS
'The transaction. When it has ended, the merge looks for its raw rows. Empty: the next merge looks for raw rows of all transactions.';
COMMENT ON COLUMN staging.look_back.after_seq IS 'These raw rows have a higher number than this.';
COMMENT ON COLUMN staging.look_back.after_at IS 'They were received at most a day before this time.';
COMMENT ON COLUMN staging.merge_run.earliest_at IS
'When its earliest raw row was received; -infinity if one has no time, NULL in batches from before this was recorded.';
COMMENT ON TABLE staging.outcome_history IS
'Outcomes that replays took back: one row per outcome and replay.';
COMMENT ON COLUMN staging.outcome_history.seq IS 'The raw row.';
COMMENT ON COLUMN staging.outcome_history.stream IS 'Its stream.';
COMMENT ON COLUMN staging.outcome_history.entity_id IS 'Its id, if it is valid.';
COMMENT ON COLUMN staging.outcome_history.fate IS 'Its fate then.';
COMMENT ON COLUMN staging.outcome_history.reason IS 'Why it was rejected then.';
COMMENT ON COLUMN staging.outcome_history.run_id IS 'The batch that decided then.';
COMMENT ON COLUMN staging.outcome_history.replayed_at IS 'When it was put back to pending.';
COMMENT ON TABLE staging.reject_reason IS 'One row per reason for which the contract rejects a raw row.';
COMMENT ON COLUMN staging.reject_reason.reason IS 'The reason''s code, as in staging.outcome.';
COMMENT ON COLUMN staging.reject_reason.meaning IS 'The reason in words.';
COMMENT ON TABLE staging.archived_day IS
'One row per file of raw rows that are no longer in staging.event. A day has several files if raw rows came late for it.';
COMMENT ON COLUMN staging.archived_day.file_name IS 'The file, in the archive''s folder (OFFICE_ARCHIVE).';
COMMENT ON COLUMN staging.archived_day.begins_at IS
'Start of the day of arrival; NULL if it holds all days before ends_at.';
COMMENT ON COLUMN staging.archived_day.ends_at IS 'End (exclusive) of that day.';
COMMENT ON COLUMN staging.archived_day.seqs IS 'The numbers of its raw rows.';
COMMENT ON COLUMN staging.archived_day.raw_rows IS 'How many raw rows it holds.';
COMMENT ON COLUMN staging.archived_day.file_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN staging.archived_day.sha256 IS 'Its SHA-256, in hex.';
COMMENT ON COLUMN staging.archived_day.archived_at IS 'When its raw rows were dropped from staging.event.';
COMMENT ON TABLE staging.erasure IS
'One row per raw row that was found gone: its outcome, and why it was erased, once somebody has recorded that (office.py erased).';
COMMENT ON COLUMN staging.erasure.seq IS 'The raw row.';
COMMENT ON COLUMN staging.erasure.received_at IS 'When it was received, or -infinity if it had no time.';
COMMENT ON COLUMN staging.erasure.stream IS 'Its stream.';
COMMENT ON COLUMN staging.erasure.entity_id IS 'Its id, if it was valid.';
COMMENT ON COLUMN staging.erasure.fate IS 'What had become of it: merged, duplicate, conflict or rejected.';
COMMENT ON COLUMN staging.erasure.reject_reason IS 'Why it was rejected: a reason of the contract.';
COMMENT ON COLUMN staging.erasure.run_id IS 'The batch that decided.';
COMMENT ON COLUMN staging.erasure.found_at IS 'When it was found gone.';
COMMENT ON COLUMN staging.erasure.reason IS 'Why it was erased; empty as long as nobody has recorded it.';
COMMENT ON COLUMN staging.erasure.recorded_by IS 'Who recorded that: the user of the machine and of the database.';
COMMENT ON COLUMN staging.erasure.recorded_at IS 'When that was recorded.';
