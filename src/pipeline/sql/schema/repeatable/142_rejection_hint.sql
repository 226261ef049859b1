-- staging.rejection_hint: one row per call: what may be the cause of a rejection, and what to send instead; NULL if nothing is known.
-- It never says what the payload holds, so that everybody may see it.
CREATE OR REPLACE FUNCTION staging.rejection_hint(reason text, payload text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    CASE
        WHEN reason = 'not_json'
            THEN
                CASE
                    WHEN payload IS NULL THEN 'its bytes are not UTF-8: send UTF-8'
                    WHEN beginning.of_payload !~ '\S' THEN 'it is empty'
                    WHEN beginning.of_payload ~ '^\ufeff' THEN 'begins with a byte order mark: send it without one'
                    WHEN beginning.of_payload ~ '^\s*[{]\s*''|[:,[]\s*(None|True|False)\M' THEN 'looks like Python''s repr: send JSON'
                    WHEN beginning.of_payload ~ '[:,[]\s*-?(NaN|Infinity)\M' THEN 'JSON has no NaN and no Infinity: leave the field out'
                    WHEN beginning.of_payload ~ '[}]\s*,?\s*[{]' THEN 'looks like several objects: send each as an event of its own'
                    WHEN beginning.of_payload ~ ',\s*[]}]' THEN 'a comma before a closing bracket: leave it out'
                    WHEN beginning.of_payload ~ '^\s*[{]' AND right(payload, 100) !~ '[}]\s*$' THEN 'does not end: it may be cut off'
                END
        WHEN reason = 'not_object' AND beginning.of_payload ~ '^\s*\[' THEN 'is an array: send each object as an event of its own'
        WHEN reason = 'not_object' AND beginning.of_payload ~ '^\s*"' THEN 'is a string: an object that was encoded twice looks like this'
        WHEN reason IN ('bad_id', 'bad_patient_id', 'bad_office')
            THEN
                CASE jsonb_typeof(field.value)
                    WHEN 'string' THEN 'a text: send a number, without quotes'
                    WHEN 'number'
                        THEN
                            CASE
                                WHEN payload::json ->> substr(reason, 5) ~ '[.eE]' AND field.value::numeric % 1 = 0
                                    THEN 'written with decimals or an exponent: for 104.0 or 1.04e2 send 104'
                            END
                END
        WHEN reason = 'bad_price'
            THEN
                CASE jsonb_typeof(field.value)
                    WHEN 'string' THEN 'a text: send a number, without quotes'
                    WHEN 'number'
                        THEN CASE WHEN scale(trim_scale(field.value::numeric)) > 2 THEN 'more than two decimals: a float''s rest' END
                END
        WHEN reason = 'bad_code' AND jsonb_typeof(field.value) = 'number' THEN 'a number: send a text, which keeps its zeros'
        WHEN reason = 'bad_icd10_code' AND field.value #>> '{}' ~ '-' THEN 'a dash stands for digits that are missing: send the whole code'
        WHEN reason = 'bad_tsp'
            THEN
                CASE
                    WHEN jsonb_typeof(field.value) = 'number' THEN 'a number: send a text such as 2026-05-04T12:05:00Z'
                    WHEN field.value #>> '{}' ~ '^[0-9-]{10}[T ][0-9:]{5,8}([.,][0-9]+)?$' THEN 'no offset: add one, such as Z or +02:00'
                    WHEN field.value #>> '{}' ~ '^[0-9-]{10}[T ]24:' THEN '24:00: send 00:00 of the next day'
                    WHEN staging.read_time(field.value #>> '{}', 2) IS NOT NULL THEN 'ahead of the arrival: the sender''s clock may be wrong'
                END
    END
FROM (SELECT left(payload, 1000) AS of_payload) AS beginning
-- Rows that are rejected for a field hold an object that can be read.
CROSS JOIN LATERAL (
    SELECT CASE WHEN reason LIKE 'bad~_%' ESCAPE '~' THEN payload::jsonb -> substr(reason, 5) END AS value
    LIMIT 1
) AS field
$$;

COMMENT ON FUNCTION staging.rejection_hint(text, text) IS
'What may be the cause of a rejection, and what to send instead, without what the payload holds; NULL if nothing is known.';
