-- This transaction has not ended either.
INSERT INTO staging.event (stream, payload) VALUES ('claim', 'c');
