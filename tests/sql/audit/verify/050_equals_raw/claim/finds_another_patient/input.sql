UPDATE claim SET patient_id = 2 WHERE id = 10;
