DROP INDEX claim_tsp, diagnose_code_patient_tsp;
