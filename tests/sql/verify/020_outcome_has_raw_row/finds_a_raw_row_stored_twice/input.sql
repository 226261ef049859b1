INSERT INTO staging.event (seq, stream, payload)
OVERRIDING SYSTEM VALUE
SELECT e.seq, e.stream, e.payload FROM staging.event AS e WHERE e.seq = 6;
