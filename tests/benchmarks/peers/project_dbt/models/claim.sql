-- One row per id: of the raw rows that are new, the first of each.
WITH parsed AS MATERIALIZED (
    SELECT
        seq,
        line::jsonb AS document
    FROM raw.claim
    {% if is_incremental() and env_var('PEER_RAW') == 'kept' %}
    WHERE seq > (SELECT coalesce(max(seq), 0) FROM {{ this }})
    {% endif %}
)

SELECT DISTINCT ON (1)
    (parsed.document ->> 'id')::bigint AS id,
    parsed.document ->> 'code' AS code,
    (parsed.document ->> 'price')::numeric(12, 2) AS price,
    (parsed.document ->> 'patient_id')::bigint AS patient_id,
    parsed.seq
FROM parsed
ORDER BY 1, parsed.seq
