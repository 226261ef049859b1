-- staging.parse_event: one row per call: the document that a payload holds, and the fields that every stream has, typed.
-- fault says why the payload can't be read. contract is the version of the contract that it judges by: what differs between versions
-- says so. ids is that of staging.id_scope. The planner inlines this function, and leaves out the branches of other versions where it
-- knows the version. It is IMMUTABLE because no setting changes what it returns: a cluster sends only such functions to its nodes.
-- OFFSET 0 keeps the planner from merging the steps: a merged step would parse the payload once for every use of it.
CREATE OR REPLACE FUNCTION staging.parse_event(payload text, received_at timestamptz, contract integer, ids text)
RETURNS TABLE (document jsonb, entity_id bigint, patient_id bigint, tsp timestamptz, fault text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT
    parsed.document,
    typed.entity_id,
    typed.patient_id,
    typed.tsp,
    CASE WHEN typed.is_office_bad AND parsed.document IS NOT NULL THEN 'bad_office' ELSE nullif(nullif(look.form, 'plain'), 'readable') END
FROM (
    SELECT
        CASE
            -- JSON that jsonb refuses has an escape, an exponent, or more digits or depth than fit in here: most rows need this look only.
            WHEN
                octet_length(payload) <= 1000 AND strpos(payload, '\') = 0 AND NOT payload ~ '[0-9][eE]'
                AND payload IS JSON OBJECT WITH UNIQUE KEYS
                THEN 'plain'
            WHEN payload IS NULL THEN 'not_json'
            WHEN octet_length(payload) > 1048576 THEN 'too_large'
            -- PostgreSQL fails on a document that is nested too deep, so the depth is counted before anything parses it.
            WHEN
                length(payload) > 1000
                AND octet_length(payload) - octet_length(replace(replace(payload, '[', ''), '{', '')) > 1000
                AND staging.nests_deeper(payload, 1000)
                THEN 'too_deep'
            WHEN payload IS JSON OBJECT WITH UNIQUE KEYS AND pg_input_is_valid(payload, 'jsonb') THEN 'readable'
            WHEN NOT payload IS JSON THEN 'not_json'
            WHEN NOT payload IS JSON OBJECT THEN 'not_object'
            WHEN NOT pg_input_is_valid(payload, 'jsonb') THEN 'unstorable'
            WHEN contract >= 2 AND staging.has_unique_keys(payload) THEN 'readable'
            ELSE 'duplicate_key'
        END AS form
    OFFSET 0
) AS look
CROSS JOIN LATERAL (
    SELECT CASE WHEN look.form IN ('plain', 'readable') THEN payload::jsonb END AS document
    OFFSET 0
) AS parsed
CROSS JOIN LATERAL (
    -- jsonb turns 1e2 into 100: only the text shows whether a number was written with an exponent.
    SELECT
        CASE
            WHEN coalesce(jsonb_typeof(parsed.document -> 'id'), '') <> 'number' THEN NULL
            WHEN look.form <> 'plain' AND payload ~ '[0-9][eE]' THEN payload::json ->> 'id'
            ELSE parsed.document ->> 'id'
        END AS id_text,
        CASE
            WHEN coalesce(jsonb_typeof(parsed.document -> 'patient_id'), '') <> 'number' THEN NULL
            WHEN look.form <> 'plain' AND payload ~ '[0-9][eE]' THEN payload::json ->> 'patient_id'
            ELSE parsed.document ->> 'patient_id'
        END AS patient_id_text,
        CASE
            WHEN ids <> 'per_office' OR coalesce(jsonb_typeof(parsed.document -> 'office'), '') <> 'number' THEN NULL
            WHEN look.form <> 'plain' AND payload ~ '[0-9][eE]' THEN payload::json ->> 'office'
            ELSE parsed.document ->> 'office'
        END AS office_text,
        CASE WHEN jsonb_typeof(parsed.document -> 'tsp') = 'string' THEN parsed.document ->> 'tsp' END AS tsp_text
    OFFSET 0
) AS token
CROSS JOIN LATERAL (
    -- A JSON number that can be read as bigint is an integer that fits.
    SELECT
        CASE
            WHEN pg_input_is_valid(token.id_text, 'bigint')
                THEN
                    CASE
                        WHEN token.id_text::bigint < 0 THEN NULL
                        WHEN ids <> 'per_office' THEN token.id_text::bigint
                        WHEN token.id_text::bigint >= 100000000000000 OR NOT pg_input_is_valid(token.office_text, 'integer') THEN NULL
                        WHEN token.office_text::integer BETWEEN 0 AND 92000
                            THEN token.office_text::bigint * 100000000000000 + token.id_text::bigint
                    END
        END AS entity_id,
        CASE
            WHEN ids <> 'per_office' THEN FALSE
            WHEN pg_input_is_valid(token.office_text, 'integer') THEN token.office_text::integer NOT BETWEEN 0 AND 92000
            ELSE TRUE
        END AS is_office_bad,
        CASE WHEN pg_input_is_valid(token.patient_id_text, 'bigint') THEN token.patient_id_text::bigint END AS patient_id,
        CASE
            WHEN NOT parsed.document ? 'tsp' THEN received_at
            -- The usual form, which PostgreSQL reads as it is.
            WHEN
                token.tsp_text ~ '^[0-9]{4}(-[0-9]{2}){2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,6})?(Z|[-+](0[0-9]|1[0-5]):[0-5][0-9])$'
                THEN
                    CASE
                        WHEN pg_input_is_valid(token.tsp_text, 'timestamptz')
                            THEN
                                CASE
                                    WHEN
                                        token.tsp_text::timestamptz
                                        BETWEEN '0001-01-01 00:00:00+00' AND received_at + interval '24 hours'
                                        THEN token.tsp_text::timestamptz
                                END
                    END
            WHEN contract >= 2 AND jsonb_typeof(parsed.document -> 'tsp') = 'null' THEN received_at
            WHEN
                staging.read_time(token.tsp_text, contract)
                BETWEEN '0001-01-01 00:00:00+00' AND received_at + interval '24 hours'
                THEN staging.read_time(token.tsp_text, contract)
        END AS tsp
    OFFSET 0
) AS typed
$$;

COMMENT ON FUNCTION staging.parse_event(text, timestamptz, integer, text) IS
'One row: the JSON object that a payload holds and the fields that every stream has, typed; fault says why it can''t be read.';
