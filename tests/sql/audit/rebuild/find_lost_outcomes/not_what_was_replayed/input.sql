DELETE FROM staging.outcome WHERE seq = 104;
INSERT INTO staging.outcome_history (seq, stream, fate, reason, run_id) VALUES (104, 'claim', 'rejected', 'not_json', 51);
UPDATE staging.merge_run SET merged = 2 WHERE run_id = 51;
