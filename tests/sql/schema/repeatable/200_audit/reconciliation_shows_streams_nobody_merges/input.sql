INSERT INTO staging.event (seq, stream, payload) OVERRIDING SYSTEM VALUE VALUES (10, 'claims', '{}');
