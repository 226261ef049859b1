-- staging.read_time: one row per call: the moment that a time with an offset names; NULL if its form is none that docs/data.md lists.
-- What is shorter than a microsecond is cut off, never rounded: rounding can move an event into the next window.
CREATE OR REPLACE FUNCTION staging.read_time(written text, contract integer)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    CASE
        WHEN NOT pg_input_is_valid(usual.form, 'timestamptz') THEN NULL
        -- A leap second is the last second of a day in UTC. It counts as the second before it.
        WHEN usual.is_leap_second AND (usual.form::timestamptz AT TIME ZONE 'UTC')::time < '23:59:59' THEN NULL
        ELSE usual.form::timestamptz
    END AS moment
FROM (
    SELECT
        part[3] = '60' AS is_leap_second,
        part[1] || 'T' || part[2] || ':' || replace(coalesce(part[3], '00'), '60', '59') || '.' || coalesce(part[4], '0') || part[5] AS form
    FROM regexp_match(
        written,
        '^([0-9]{4}(?:-[0-9]{2}){2})[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9])'
        '(?::([0-5][0-9]|60)(?:[.,]([0-9]{1,6})[0-9]*)?)?([Zz]|[-+](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)$'
    ) AS part
    LIMIT 1
) AS usual
WHERE contract >= 2
UNION ALL
-- The first contract knew fewer forms, and rounded.
SELECT CASE WHEN pg_input_is_valid(written, 'timestamptz') THEN written::timestamptz END AS moment
WHERE
    contract = 1
    AND written ~ '^[0-9]{4}(-[0-9]{2}){2}[Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?([Zz]|[-+](0[0-9]|1[0-5]):[0-5][0-9])$'
$$;

COMMENT ON FUNCTION staging.read_time(text, integer) IS
'The moment that a time with an offset names, cut off to microseconds; NULL if it has no form of RFC 3339 or ISO 8601 that is taken.';
