-- The tables in which a batch works are made again, by other numbers: the raw rows of the next batch are typed before it begins.
DROP TABLE IF EXISTS staging.claim_typed, staging.claim_judged, staging.diagnose_typed, staging.diagnose_judged;
