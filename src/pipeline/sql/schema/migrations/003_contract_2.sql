-- staging.parse_event takes the version of the contract since its second version.
DROP FUNCTION IF EXISTS staging.parse_event(text, timestamptz);
