DROP INDEX claim_tsp;
DROP INDEX diagnose_code_patient_tsp;
