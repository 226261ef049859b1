"""What a page says, read as a browser would: texts by id, tables by id, links."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Reader(HTMLParser):
    """Collects a page's texts and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open_ids: list[str | None] = []
        self.texts: dict[str, str] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.links: list[str] = []
        self.headings: list[int] = []
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append(int(tag[1:]))
        if tag not in VOID:
            self.open_ids.append(given.get("id"))
        table = self._table()
        if tag == "tr" and table is not None:
            table.append([])
        if tag in ("td", "th") and table is not None:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        table = self._table()
        if tag in ("td", "th") and table is not None and self._cell is not None:
            table[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        if tag not in VOID:
            self.open_ids.pop()

    def handle_data(self, data: str) -> None:
        for name in filter(None, self.open_ids):
            self.texts[name] = self.texts.get(name, "") + data
        if self._cell is not None:
            self._cell.append(data)

    def _table(self) -> list[list[str]] | None:
        names = [name for name in self.open_ids if name and name != "content"]
        return self.tables.setdefault(names[-1], []) if names else None


class Page:
    """A page that was built."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.source = file.read_text(encoding="utf-8")
        self._read = Reader()
        self._read.feed(self.source)
        self.links = self._read.links
        self.headings = self._read.headings

    def text(self, name: str) -> str:
        """The text of an element."""
        return " ".join(self._read.texts[name].split())

    def has(self, name: str) -> bool:
        return name in self._read.texts

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a table, by the names of its columns."""
        head, *rows = self._read.tables[name]
        return [dict(zip(head, row, strict=True)) for row in rows]

    def pairs(self, name: str) -> dict[str, str]:
        """A table of names and values."""
        return dict(self._read.tables[name])

    def broken_links(self) -> list[str]:
        """Links to files of ours that are not there."""
        return [
            link
            for link in self.links
            if not link.startswith(("https:", "http:", "#"))
            and not (self.file.parent / link.partition("#")[0]).is_file()
        ]
