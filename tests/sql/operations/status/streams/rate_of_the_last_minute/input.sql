INSERT INTO staging.event (stream, payload, received_at)
VALUES
('claim', 'a', now() - interval '61 seconds'),
('claim', 'b', now() - interval '59 seconds'),
('claim', 'c', now()),
('diagnose', 'd', now() - interval '1 hour');
