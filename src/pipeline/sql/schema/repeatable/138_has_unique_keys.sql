-- staging.has_unique_keys: one row per call: whether each key of an object occurs once; the keys of objects inside it are not looked
-- at. jsonb keeps one of two equal keys, so it holds fewer than were written. It fails on what is not JSON, so it is not IMMUTABLE: the
-- planner would call it for a constant payload before anything else has looked at that.
CREATE OR REPLACE FUNCTION staging.has_unique_keys(payload text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    (SELECT count(*) FROM json_object_keys(payload::json) AS written (key))
    = (SELECT count(*) FROM jsonb_object_keys(payload::jsonb) AS kept (key))
$$;

COMMENT ON FUNCTION staging.has_unique_keys(text) IS
'Whether each key of the JSON object that a payload holds occurs once, those of objects inside it aside.';
