SELECT staging.make_partitions('2020-01-01', '2020-01-02');
INSERT INTO staging.event (seq, stream, payload, received_at) OVERRIDING SYSTEM VALUE VALUES (4, 'claim', 'c', '2020-01-01 23:59:59+00');
