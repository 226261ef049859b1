-- staging.event_field: one row per raw row, with the fields that every stream has, typed; fault says why it can't be read.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
-- LIMIT 1 keeps the planner from inlining a step, and so from parsing a payload once for every use.
CREATE OR REPLACE VIEW staging.event_field AS
SELECT
    e.seq,
    e.stream,
    e.xid,
    e.received_at,
    parsed.document,
    typed.entity_id,
    typed.patient_id,
    typed.tsp,
    CASE WHEN typed.is_office_bad AND readable.fault IS NULL THEN 'bad_office' ELSE readable.fault END AS fault
FROM staging.event AS e
CROSS JOIN LATERAL (
    SELECT
        e.payload ~ '[0-9][eE]' AS exponent,
        (SELECT s.ids = 'per_office' FROM staging.id_scope AS s) AS id_per_office
    LIMIT 1
) AS has
CROSS JOIN LATERAL (
    SELECT
        CASE
            -- What is JSON and no jsonb has an escape, an exponent, or more digits or depth than fit in here: most rows need one look.
            WHEN
                octet_length(e.payload) <= 1000 AND NOT has.exponent AND strpos(e.payload, '\') = 0
                AND e.payload IS JSON OBJECT WITH UNIQUE KEYS
                THEN NULL
            WHEN e.payload IS NULL THEN 'not_json'
            WHEN octet_length(e.payload) > 1048576 THEN 'too_large'
            -- PostgreSQL fails on a document nested too deep, so the depth is counted before anything parses it.
            WHEN
                length(e.payload) > 1000
                AND length(e.payload) - length(translate(e.payload, '[{', '')) > 1000
                AND (
                    SELECT max(bracket.depth)
                    FROM (
                        SELECT sum(CASE WHEN b.symbol IN ('[', '{') THEN 1 ELSE -1 END) OVER (ORDER BY b.place) AS depth
                        FROM string_to_table(
                            regexp_replace(regexp_replace(e.payload, '"([^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g'), NULL
                        ) WITH ORDINALITY AS b (symbol, place)
                    ) AS bracket
                ) > 1000
                THEN 'too_deep'
            WHEN e.payload IS JSON OBJECT WITH UNIQUE KEYS AND pg_input_is_valid(e.payload, 'jsonb') THEN NULL
            WHEN NOT e.payload IS JSON THEN 'not_json'
            WHEN NOT e.payload IS JSON OBJECT THEN 'not_object'
            WHEN NOT pg_input_is_valid(e.payload, 'jsonb') THEN 'unstorable'
            ELSE 'duplicate_key'
        END AS fault
    LIMIT 1
) AS readable
CROSS JOIN LATERAL (
    SELECT CASE WHEN readable.fault IS NULL THEN e.payload::jsonb END AS document
    LIMIT 1
) AS parsed
CROSS JOIN LATERAL (
    -- jsonb turns 1e2 into 100; only the text tells a JSON integer from a number with an exponent.
    SELECT
        CASE
            WHEN coalesce(jsonb_typeof(parsed.document -> 'id'), '') <> 'number' THEN NULL
            WHEN has.exponent THEN e.payload::json ->> 'id'
            ELSE parsed.document ->> 'id'
        END AS id_text,
        CASE
            WHEN coalesce(jsonb_typeof(parsed.document -> 'patient_id'), '') <> 'number' THEN NULL
            WHEN has.exponent THEN e.payload::json ->> 'patient_id'
            ELSE parsed.document ->> 'patient_id'
        END AS patient_id_text,
        CASE
            WHEN NOT has.id_per_office OR coalesce(jsonb_typeof(parsed.document -> 'office'), '') <> 'number' THEN NULL
            WHEN has.exponent THEN e.payload::json ->> 'office'
            ELSE parsed.document ->> 'office'
        END AS office_text,
        CASE WHEN jsonb_typeof(parsed.document -> 'tsp') = 'string' THEN parsed.document ->> 'tsp' END AS tsp_text
    LIMIT 1
) AS token
CROSS JOIN LATERAL (
    -- Of a JSON number, what a bigint can be read from is an integer that fits.
    SELECT
        CASE
            WHEN pg_input_is_valid(token.id_text, 'bigint')
                THEN
                    CASE
                        WHEN token.id_text::bigint < 0 THEN NULL
                        WHEN NOT has.id_per_office THEN token.id_text::bigint
                        WHEN token.id_text::bigint >= 100000000000000 OR NOT pg_input_is_valid(token.office_text, 'integer') THEN NULL
                        WHEN token.office_text::integer BETWEEN 0 AND 92000
                            THEN token.office_text::bigint * 100000000000000 + token.id_text::bigint
                    END
        END AS entity_id,
        CASE
            WHEN NOT has.id_per_office THEN FALSE
            WHEN pg_input_is_valid(token.office_text, 'integer') THEN token.office_text::integer NOT BETWEEN 0 AND 92000
            ELSE TRUE
        END AS is_office_bad,
        CASE WHEN pg_input_is_valid(token.patient_id_text, 'bigint') THEN token.patient_id_text::bigint END AS patient_id,
        CASE
            WHEN NOT parsed.document ? 'tsp' THEN e.received_at
            WHEN
                token.tsp_text ~ '^[0-9]{4}(-[0-9]{2}){2}[Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?([Zz]|[-+](0[0-9]|1[0-5]):[0-5][0-9])$'
                THEN
                    CASE
                        WHEN pg_input_is_valid(token.tsp_text, 'timestamptz')
                            THEN
                                CASE
                                    WHEN
                                        token.tsp_text::timestamptz
                                        BETWEEN '0001-01-01 00:00:00+00' AND e.received_at + interval '24 hours'
                                        THEN token.tsp_text::timestamptz
                                END
                    END
        END AS tsp
    LIMIT 1
) AS typed;

COMMENT ON VIEW staging.event_field IS 'One row per raw row: the document it holds and the fields that every stream has, typed.';
COMMENT ON COLUMN staging.event_field.seq IS 'The raw row.';
COMMENT ON COLUMN staging.event_field.stream IS 'Its stream.';
COMMENT ON COLUMN staging.event_field.xid IS 'The transaction that wrote it.';
COMMENT ON COLUMN staging.event_field.received_at IS 'When it was received.';
COMMENT ON COLUMN staging.event_field.document IS 'The payload as a JSON object, where it is one.';
COMMENT ON COLUMN staging.event_field.entity_id IS
'Its id, where that is a JSON integer from 0 that fits bigint; where ids are per office, the key that office and id make.';
COMMENT ON COLUMN staging.event_field.patient_id IS 'Its patient_id, where that is a JSON integer that fits bigint.';
COMMENT ON COLUMN staging.event_field.tsp IS 'Its own time where it has a valid one, else when it was received; NULL where its own is not valid.';
COMMENT ON COLUMN staging.event_field.fault IS
'Why the payload can''t be read: not_json, too_large, too_deep, not_object, unstorable, duplicate_key or bad_office.';
