-- One row: the stream's cursor, without the raw rows that were put back, and with the patient to look for next.
UPDATE staging.merge_cursor
SET
    rejected = rejected - %(found)s,
    awaited_from = %(next_patient)s
WHERE stream = %(stream)s
