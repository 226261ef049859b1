-- Rows can be typed before their batch begins, so the tables in which a batch works find rows by another number. They are made again.
DROP TABLE IF EXISTS staging.claim_typed, staging.claim_judged, staging.diagnose_typed, staging.diagnose_judged;
