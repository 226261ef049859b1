UPDATE diagnose SET patient_id = 2 WHERE id = 20;
