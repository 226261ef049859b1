DELETE FROM staging.outcome WHERE seq = 4;
INSERT INTO staging.outcome_history (seq, stream, fate, reason, run_id) VALUES (4, 'claim', 'rejected', 'not_json', 1);
