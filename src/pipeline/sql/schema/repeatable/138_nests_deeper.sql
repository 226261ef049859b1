-- staging.nests_deeper: one row per call: whether the brackets of a payload, those in strings aside, are nested deeper than so many
-- levels. It does not parse the payload: PostgreSQL fails on one that is nested too deep.
-- Its cost grows with the size alone. A row per bracket would be dear, so the innermost pairs are cut off ten times first. Each cut
-- makes the whole one level less deep, and what is left has at most one innermost pair for eleven pairs of the payload.
CREATE OR REPLACE FUNCTION staging.nests_deeper(payload text, levels integer)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
WITH RECURSIVE replacement AS (
    SELECT
        r.place,
        r.old,
        coalesce(substr('[]', r.place::integer, 1), '') AS new
    FROM unnest(
        -- All brackets become square ones, what separates them goes, and then the pairs.
        ARRAY['{', '}'] || string_to_array(E',: "\n\r\t0123456789', NULL) || array_fill('[]'::text, ARRAY[10])
    ) WITH ORDINALITY AS r (old, place)
),

replaced AS (
    -- The closing brackets at the end make pairs of those that the payload does not close.
    SELECT
        0::bigint AS place,
        regexp_replace(payload, '"(?:[^"\\]|\\.)*"|[^][{},: "\n\r\t0-9]+', '', 'g') || repeat(']', 11) AS brackets
    UNION ALL
    SELECT
        r.place,
        replace(before.brackets, r.old, r.new) AS brackets
    FROM replaced AS before
    INNER JOIN replacement AS r ON before.place + 1 = r.place
),

-- Between two innermost pairs there are only closing brackets, and then opening ones.
innermost_pair AS (
    SELECT
        11 + sum(2 * length(replace(gap.brackets, ']', '')) - length(gap.brackets)) OVER (ORDER BY gap.place) AS level
    FROM replaced AS r
    CROSS JOIN LATERAL string_to_table(r.brackets, '[]') WITH ORDINALITY AS gap (brackets, place)
    WHERE r.place = (SELECT max(last.place) FROM replacement AS last)
)

SELECT coalesce(max(p.level) > nests_deeper.levels, FALSE)
FROM innermost_pair AS p
$$;

COMMENT ON FUNCTION staging.nests_deeper(text, integer) IS
'Whether the brackets of a payload, those in strings aside, are nested deeper than so many levels.';
