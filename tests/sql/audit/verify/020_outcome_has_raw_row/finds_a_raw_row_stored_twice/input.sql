INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE
SELECT e.seq, e.stream, e.payload, e.received_at FROM staging.event AS e WHERE e.seq = 6;
