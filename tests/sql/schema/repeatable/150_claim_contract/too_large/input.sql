-- A payload of exactly one mebibyte, and one that is a byte longer; 59 bytes of the first are not filling.
INSERT INTO staging.event (seq, stream, payload, received_at)
OVERRIDING SYSTEM VALUE
SELECT size.seq, 'claim', '{"id": 1, "patient_id": 1, "code": "A", "price": 1, "n":"' || repeat('x', size.filling) || '"}', '2026-03-02 09:00:00+00'
FROM (VALUES (1, 1048576 - 59), (2, 1048576 - 58)) AS size (seq, filling);
