-- One row per payload, sent by the client.
COPY staging.event (stream, payload, payload_bytes) FROM STDIN
