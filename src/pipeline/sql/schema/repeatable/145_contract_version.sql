-- The version of the contract: raise it when a rule is added or changed, and let the new rule apply from that version on:
-- `WHEN contract >= 2 AND ...`. A rebuild then judges an older batch by the rules that it was merged under.
CREATE OR REPLACE FUNCTION staging.contract_version()
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 2 $$;

COMMENT ON FUNCTION staging.contract_version() IS 'The version of the contract that the merge judges by.';
