CREATE OR REPLACE FUNCTION staging.highest(column_name text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ('{"claim.id": 2147483647, "claim.code": 10, "claim.price": 9999}'::jsonb ->> column_name)::bigint $$;
