INSERT INTO staging.outcome_history (seq, stream, fate, reason, run_id) VALUES (107, 'claim', 'rejected', 'unknown_patient', 51);
