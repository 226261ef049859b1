-- No rows: holds back every other process that would apply the schema, and none that reads or writes.
LOCK TABLE patient, claim, diagnose IN SHARE UPDATE EXCLUSIVE MODE
