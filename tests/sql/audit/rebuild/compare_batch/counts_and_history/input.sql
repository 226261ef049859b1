UPDATE staging.merge_run SET merged = 2 WHERE run_id = 53;
DELETE FROM rebuilt_outcome WHERE seq IN (104, 105, 106);
INSERT INTO staging.outcome_history (seq, stream, fate, reason, run_id) VALUES (104, 'claim', 'rejected', 'not_json', 51);
