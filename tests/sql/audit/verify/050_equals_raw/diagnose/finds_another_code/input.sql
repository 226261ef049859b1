UPDATE diagnose SET icd10_code = 'J44.9' WHERE id = 21;
