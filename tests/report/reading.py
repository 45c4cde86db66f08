"""A report as a reader of HTML takes it: elements with their texts, tables with their cells, scripts."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "input", "line", "br", "img"}


class Element:
    """An element; children are elements and texts."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    def all(self, tag: str = "", **wanted: str) -> Iterator[Element]:
        """Yield the elements inside, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                classes = child.attributes.get("class", "").split()
                fits = all(
                    value in classes if name == "cls" else child.attributes.get(name) == value
                    for name, value in wanted.items()
                )
                if tag in ("", child.tag) and fits:
                    yield child
                yield from child.all(tag, **wanted)

    def one(self, tag: str = "", **wanted: str) -> Element:
        """Return the first of :meth:`all`."""
        return next(self.all(tag, **wanted))

    @property
    def text(self) -> str:
        """All text inside, blanks made one."""
        return " ".join(self.raw.split())

    @property
    def raw(self) -> str:
        """All text inside, as it stands."""
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def read(path: Path) -> Element:
    """Return a page; every element in it is closed where it should be."""
    parser = _Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser._open == [parser.root]
    return parser.root


def rows(section: Element) -> list[list[str]]:
    """Return the cells of a section's first table, heads included."""
    return [
        [cell.text for cell in row.all() if cell.tag in ("th", "td")]
        for row in section.one("table").all("tr")
    ]
