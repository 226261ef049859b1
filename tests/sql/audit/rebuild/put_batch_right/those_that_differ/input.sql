UPDATE staging.merge_run SET merged = 7, duplicate = 7, conflict = 7, rejected = 7;
DELETE FROM rebuilt_outcome WHERE seq IN (104, 105, 106);
INSERT INTO staging.outcome_history (seq, stream, fate, reason, run_id) VALUES (104, 'claim', 'rejected', 'not_json', 51);
