DELETE FROM claim WHERE id = 11;
INSERT INTO claim (id, code, price, patient_id, tsp) VALUES (99, 'A', 1, 1, '2026-03-02 09:01:00+00');
UPDATE staging.outcome SET fate = 'merged' WHERE seq = 2;
