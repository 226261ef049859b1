"""What must be the same after an upgrade, asked in a way that every version can answer."""

QUERIES = {
    "reconciliation": """
        SELECT stream, received, merged, duplicate, conflict, rejected, pending, balanced
        FROM audit.reconciliation
        ORDER BY stream
        """,
    "rejected": """
        SELECT stream, reason, count(*)
        FROM staging.outcome
        WHERE fate = 'rejected'
        GROUP BY stream, reason
        ORDER BY stream, reason
        """,
    "replayed": "SELECT seq, reason FROM audit.replayed ORDER BY seq, replayed_at",
    "archived": "SELECT file_name, raw_rows FROM audit.archived ORDER BY file_name",
    "released": """
        SELECT to_char(window_start, 'YYYY-MM-DD HH24:MI'), reason
        FROM analytics.window_release
        ORDER BY window_start
        """,
    "revenue": """
        SELECT
            to_char(window_start, 'YYYY-MM-DD HH24:MI'), category, revenue::text, claims, patients
        FROM analytics.revenue_by_diagnosis
        ORDER BY window_start, category
        """,
}
