-- One row: the next raw rows whose patient was unknown and is known by now. They are pending again.
SELECT
    b.low_seq,
    b.high_seq,
    b.first_at::text AS first_at,
    b.last_at::text AS last_at,
    b.found,
    b.has_more,
    b.seqs AS behind_seqs,
    '{}'::bigint[] AS decided_seqs,
    b.next_patient
FROM staging.put_back_awaited(%(stream)s, %(awaited_from)s, %(most_patients)s, %(batch_size)s) AS b
