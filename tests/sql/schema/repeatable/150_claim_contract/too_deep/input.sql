-- The object itself is the first level. Brackets in a string are none; unbalanced ones go down all the same.
INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE
SELECT raw.seq, 'claim', '{"id": 1, "patient_id": 1, "code": "A", "price": 1, "n": ' || raw.note || '}', '2026-03-02 09:00:00+00'
FROM (
    VALUES
    (1, repeat('[', 999) || repeat(']', 999)),
    (2, repeat('[', 1000) || repeat(']', 1000)),
    (3, repeat('{"n":', 1000) || '1' || repeat('}', 1000)),
    (4, '"' || repeat('[', 100000) || '\"' || repeat('{', 100000) || '"'),
    (5, '[' || repeat('[],', 5000) || '[]]'),
    (6, repeat('[', 100000)),
    (7, '[[],' || repeat('[', 998) || repeat(']', 998) || ']'),
    (8, '[[],' || repeat('[', 999) || repeat(']', 999) || ']'),
    (9, repeat('[', 980) || rtrim(repeat(repeat('[', 19) || repeat(']', 19) || ',', 500), ',') || repeat(']', 980)),
    (10, repeat('[', 980) || repeat(repeat('[', 19) || repeat(']', 19) || ',', 500) || repeat('{"n":', 20) || '0' || repeat('}', 20) || repeat(']', 980)),
    (11, repeat('[', 1000) || repeat('[],', 500))
) AS raw (seq, note);
