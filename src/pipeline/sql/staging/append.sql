-- One row: the payload that arrived.
INSERT INTO staging.event (stream, payload, payload_bytes) VALUES (%(stream)s, %(payload)s, %(payload_bytes)s)
