"""A page as a browser takes it apart."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "input", "hr"}
_LEFT_OPEN = {"dt", "dd"}  # HTML closes them where the next begins


@dataclass
class Page(HTMLParser):
    """`texts` are what a reader sees, `attributes` (tag, name, value)."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID | _LEFT_OPEN:
            self._open.append(tag)
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append(int(tag[1:]))

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert (opened := self._open.pop()) == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data):
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def all(self, name: str) -> list[str]:
        return [value for _, each, value in self.attributes if each == name]


def page_of(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert not page._open, f"never closed: {page._open}"
    return page
