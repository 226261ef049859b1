-- One row per line of a file, streamed in.
COPY staging.event (stream, payload, payload_bytes) FROM STDIN
