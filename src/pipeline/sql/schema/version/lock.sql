-- No rows: makes other processes that apply the schema wait. Reading and writing goes on.
LOCK TABLE patient, claim, diagnose IN SHARE UPDATE EXCLUSIVE MODE
