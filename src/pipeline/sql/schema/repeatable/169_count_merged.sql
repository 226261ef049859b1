-- staging.count_merged: one row per id that was merged: how many raw rows with this id were, of those received from a time on. It is a
-- function, so that it is planned for this time: then the partitions of all days before are not opened.
CREATE OR REPLACE FUNCTION staging.count_merged(of_stream text, ids bigint[], received_from timestamptz)
RETURNS TABLE (id bigint, raw_rows bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT
        o.entity_id,
        count(*) AS merged
    FROM unnest(ids) AS i (asked_id)
    INNER JOIN staging.outcome AS o ON i.asked_id = o.entity_id
    WHERE
        o.stream = of_stream
        AND o.fate = 'merged'
        AND (o.received_at >= received_from OR o.received_at = '-infinity')
    GROUP BY o.entity_id;
END
$$;

COMMENT ON FUNCTION staging.count_merged(text, bigint[], timestamptz) IS
'One row per id of the list that was merged: how many raw rows with this id were, of those received from a time on.';
