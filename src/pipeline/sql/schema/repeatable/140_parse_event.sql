-- staging.parse_event: one row per call: the document that a payload holds, and the fields that every stream has, typed.
-- fault says why the payload can't be read. contract is the version of the contract that it judges by: what differs between versions
-- says so. ids is that of staging.id_scope. The planner inlines this function, and leaves out the branches of other versions where it
-- knows the version. It is IMMUTABLE because no setting changes what it returns: a cluster sends only such functions to its nodes.
-- Each step of WITH is planned as a scan of the step before it, which costs less than a join. OFFSET 0 keeps the planner from merging two
-- steps: the payload would then be parsed again for each use. doubt says why a payload needs a closer look; it is NULL for a plain object.
CREATE OR REPLACE FUNCTION staging.parse_event(payload text, received_at timestamptz, contract integer, ids text)
RETURNS TABLE (document jsonb, entity_id bigint, patient_id bigint, tsp timestamptz, fault text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
WITH looked_at AS (
    SELECT
        CASE
            -- JSON that jsonb refuses has an escape, an exponent, or more digits or depth than fit in here: most rows need this look only.
            WHEN
                octet_length(payload) <= 1000 AND NOT payload ~ '[0-9][eE]|\\' AND payload IS JSON OBJECT WITH UNIQUE KEYS
                THEN NULL
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
        END AS doubt
    OFFSET 0
),

parsed AS (
    SELECT
        l.doubt,
        -- A plain object has none. Its doubt is NULL, which a plain = would not take for false: the pattern would be searched for as well.
        l.doubt IS NOT DISTINCT FROM 'readable' AND payload ~ '[0-9][eE]' AS has_exponent,
        CASE WHEN l.doubt IS NULL OR l.doubt = 'readable' THEN payload::jsonb END AS document
    FROM looked_at AS l
    OFFSET 0
),

-- A string keeps its quotes here, so that it is not taken for a number. jsonb turns 1e2 into 100: only the text shows whether a number was
-- written with an exponent.
token AS (
    SELECT
        p.doubt,
        p.document,
        CASE
            WHEN p.has_exponent THEN (payload::json -> 'id')::text
            ELSE (p.document -> 'id')::text
        END AS id_text,
        CASE
            WHEN p.has_exponent THEN (payload::json -> 'patient_id')::text
            ELSE (p.document -> 'patient_id')::text
        END AS patient_id_text,
        CASE
            WHEN ids <> 'per_office' THEN NULL
            WHEN p.has_exponent THEN (payload::json -> 'office')::text
            ELSE (p.document -> 'office')::text
        END AS office_text,
        CASE WHEN jsonb_typeof(p.document -> 'tsp') = 'string' THEN p.document ->> 'tsp' END AS tsp_text
    FROM parsed AS p
    OFFSET 0
)

-- A JSON number that can be read as bigint is an integer that fits.
SELECT
    t.document,
    CASE
        WHEN pg_input_is_valid(t.id_text, 'bigint')
            THEN
                CASE
                    WHEN t.id_text::bigint < 0 THEN NULL
                    WHEN ids <> 'per_office' THEN t.id_text::bigint
                    WHEN t.id_text::bigint >= 100000000000000 OR NOT pg_input_is_valid(t.office_text, 'integer') THEN NULL
                    WHEN t.office_text::integer BETWEEN 0 AND 92000
                        THEN t.office_text::bigint * 100000000000000 + t.id_text::bigint
                END
    END AS entity_id,
    CASE WHEN pg_input_is_valid(t.patient_id_text, 'bigint') THEN t.patient_id_text::bigint END AS patient_id,
    CASE
        WHEN NOT t.document ? 'tsp' THEN received_at
        -- The usual form, which PostgreSQL reads as it is.
        WHEN
            t.tsp_text ~ '^[0-9]{4}(-[0-9]{2}){2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,6})?(Z|[-+](0[0-9]|1[0-5]):[0-5][0-9])$'
            THEN
                CASE
                    WHEN pg_input_is_valid(t.tsp_text, 'timestamptz')
                        THEN
                            CASE
                                WHEN
                                    t.tsp_text::timestamptz
                                    BETWEEN '0001-01-01 00:00:00+00' AND received_at + interval '24 hours'
                                    THEN t.tsp_text::timestamptz
                            END
                END
        WHEN contract >= 2 AND jsonb_typeof(t.document -> 'tsp') = 'null' THEN received_at
        WHEN
            staging.read_time(t.tsp_text, contract)
            BETWEEN '0001-01-01 00:00:00+00' AND received_at + interval '24 hours'
            THEN staging.read_time(t.tsp_text, contract)
    END AS tsp,
    CASE
        WHEN t.document IS NULL OR ids <> 'per_office' THEN nullif(t.doubt, 'readable')
        WHEN NOT pg_input_is_valid(t.office_text, 'integer') OR t.office_text IS NULL THEN 'bad_office'
        WHEN t.office_text::integer NOT BETWEEN 0 AND 92000 THEN 'bad_office'
    END AS fault
FROM token AS t
$$;

COMMENT ON FUNCTION staging.parse_event(text, timestamptz, integer, text) IS
'One row: the JSON object that a payload holds and the fields that every stream has, typed; fault says why it can''t be read.';
