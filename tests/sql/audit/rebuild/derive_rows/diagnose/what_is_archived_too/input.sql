INSERT INTO archived_row SELECT e.seq, e.stream, e.payload, e.payload_bytes, e.received_at, e.xid FROM staging.event AS e WHERE e.seq <= 105;
DELETE FROM staging.event WHERE seq <= 105;
