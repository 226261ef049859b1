-- staging.icd10_code: one row per call: the normal form of a diagnosis code, in which R41.3 is the same however it is written; NULL
-- if it has the form of no code. docs/data.md says it in words.
CREATE OR REPLACE FUNCTION staging.icd10_code(written text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT part[1] || coalesce('.' || part[2], '')
FROM (SELECT upper(staging.trim_space(written) COLLATE "C") AS code LIMIT 1) AS tidy
-- Marks of ICD-10-GM that something separates from the code: a sign, or a space. R41.3 G, E10.30+, E10.30* VL.
CROSS JOIN LATERAL (
    SELECT
        regexp_replace(
            tidy.code, '^([0-9A-Z.]+)(?: *[+*!†] *| +)(?:[GVZA] *[RLB]?|[RLB] *[GVZA]?)?$', '\1'
        ) AS code
    LIMIT 1
) AS without_sign
-- Marks that follow the code directly. ICD-10-GM has at most two digits after the dot, and ICD-10-CM hardly any code with a letter
-- behind these: those that it has are left as they are. Behind three characters A, B and Z are the fourth: F32A is F32.A.
CROSS JOIN LATERAL (
    SELECT
        regexp_replace(
            without_sign.code,
            '^(?!(?:C8[1-5]|H0[12]|L03|M0[568]|M35|P04|R40|S02|Y93|Z36|Z8[56])[.]?[0-9]{1,2}(?:[AB]|[AG]B|B[AG])$)'
            '([A-Z][0-9]{2}(?:[.]?[0-9]{1,2}|(?=[GVRL])))(?:[GVZA][RLB]?|[RLB][GVZA]?)$',
            '\1'
        ) AS code
    LIMIT 1
) AS bare
-- A code has three characters, and up to four more after the dot; of three or four, one is a digit or the placeholder X.
CROSS JOIN LATERAL regexp_match(
    bare.code, '^((?:[A-Z][0-9]|QA)[0-9AB])(?:[.]?([0-9A-Z]{1,2}|(?=[A-WYZ]*[0-9X])[0-9A-Z]{3,4}))?$'
) AS part
$$;

COMMENT ON FUNCTION staging.icd10_code(text) IS
'A diagnosis code in upper case, with its dot, and without the marks of ICD-10-GM; NULL if it has the form of no code.';
