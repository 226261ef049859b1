INSERT INTO staging.outcome_history (seq, stream, fate, reason, run_id) VALUES (104, 'claim', 'rejected', 'not_json', 51), (109, 'claim', 'rejected', 'bad_id', 51);
