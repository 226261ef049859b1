"""What Adminer 4 sends to PostgreSQL when somebody looks at a table or a view.

Read from its source (select.inc.php, adminer.inc.php, drivers/pgsql.inc.php): every column, filters
joined by AND with the value as a literal of no type, the columns that were clicked on, 50 rows.
"""

from collections.abc import Sequence

ROWS_OF_A_PAGE = 50
# Fewer than this estimated, and Adminer counts them all for its page numbers.
COUNTED_BELOW = 10_000

Filter = tuple[str, str, str]


def schema(name: str) -> str:
    """Choosing a schema."""
    return f'SET search_path TO "{name}"'


def page(view: str, *filters: Filter, order: Sequence[str] = (), number: int = 0) -> str:
    """A page of a view; filters are (column, operator, value), as in Adminer's search box."""
    parts = [f'SELECT *\nFROM "{view}"', _where(filters, separator="\n")]
    if order:
        parts.append("\nORDER BY " + ", ".join(order))
    parts.append(f"\nLIMIT {ROWS_OF_A_PAGE}")
    if number:
        parts.append(f" OFFSET {ROWS_OF_A_PAGE * number}")
    return "".join(parts)


def estimate(view: str, *filters: Filter) -> str:
    """How many rows there are, as the planner guesses."""
    return f'EXPLAIN SELECT * FROM "{view}"{_where(filters)}'


def count(view: str, *filters: Filter) -> str:
    """How many rows there are; Adminer gives it 2 seconds."""
    return f'SELECT COUNT(*) FROM "{view}"{_where(filters)}'


def _where(filters: Sequence[Filter], separator: str = " ") -> str:
    if not filters:
        return ""
    return f"{separator}WHERE " + " AND ".join(map(_condition, filters))


def _condition(each: Filter) -> str:
    column, operator, value = each
    if operator == "LIKE %%":
        return f"\"{column}\" LIKE '%{value}%'"
    return f"\"{column}\" {operator} '{value}'"


TABLES = """
    SELECT table_name, table_type FROM information_schema.tables
    WHERE table_schema = current_schema()
    ORDER BY 1
    """
STATUS = """
    SELECT c.relname AS "Name",
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'm' THEN 'materialized view' ELSE 'view' END
            AS "Engine",
        pg_table_size(c.oid) AS "Data_length", pg_indexes_size(c.oid) AS "Index_length",
        obj_description(c.oid, 'pg_class') AS "Comment", c.reltuples AS "Rows", n.nspname
    FROM pg_class c
    JOIN pg_namespace n ON (n.nspname = current_schema() AND n.oid = c.relnamespace)
    WHERE relkind IN ('r', 'm', 'v', 'f', 'p')
    ORDER BY relname
    """
FOREIGN_KEYS = """
    SELECT conname, condeferrable::int AS deferrable, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE conrelid = (
        SELECT pc.oid FROM pg_class AS pc
        INNER JOIN pg_namespace AS pn ON (pn.oid = pc.relnamespace)
        WHERE pc.relname = %s AND pn.nspname = current_schema()
    ) AND contype = 'f'::char
    ORDER BY conkey, conname
    """
