"""Counts the pages that statements look at, as the server tells them."""

import re
from typing import Any, ClassVar

from pipeline.core.link import WatchedNamedTupleCursor
from pipeline.core.statements import BETWEEN

EXPLAINABLE = re.compile(r"(\s|--.*\n)*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


class Counting(WatchedNamedTupleCursor):
    """A cursor that counts the pages that its statements look at."""

    pages: ClassVar[int] = 0

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002, ANN401
        """Executes a statement, and counts."""
        for each in query.split(BETWEEN) if isinstance(query, str) else [query]:
            if isinstance(each, str) and EXPLAINABLE.match(each):
                Counting.pages += self._pages_of(each, vars)
            super().execute(each, vars)  # type: ignore[no-untyped-call]

    def _pages_of(self, query: str, values: Any) -> int:  # noqa: ANN401
        """Does it once, and undoes it."""
        explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        super().execute("SAVEPOINT counting")  # type: ignore[no-untyped-call]
        super().execute(f"{explain} {query}", values)  # type: ignore[no-untyped-call]
        [(explained,)] = self.fetchall()
        super().execute("ROLLBACK TO counting")  # type: ignore[no-untyped-call]
        plan = explained[0]["Plan"]
        return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
