"""A page as a browser without JavaScript reads it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "br", "path", "circle", "img"}


@dataclass
class Message:
    who: str
    text: str = ""
    id: int = 0


@dataclass
class Button:
    name: str
    value: str
    title: str = ""


@dataclass
class Page(HTMLParser):
    """`Page.read(html)`. `fields` are hidden ones by form action; `addresses` all that it points at."""

    lang: str = ""
    dir: str = ""
    messages: list[Message] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    languages: dict[str, bool] = field(default_factory=dict)
    csrf: str = ""
    actions: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)  # scripts, styles and handlers written in the page
    tags: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, html: str) -> "Page":
        page = cls()
        HTMLParser.__init__(page, convert_charrefs=True)
        page._open: list[tuple[str, dict[str, str]]] = []
        page.feed(html)
        return page

    def said(self, who: str = "service") -> list[str]:
        return [m.text for m in self.messages if m.who == who]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        here = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append((tag, here))
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            if name in here:
                self.addresses.append(here[name])
        self.inline += [f"{tag} {name}" for name in here if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in here) else []
        if tag == "html":
            self.lang, self.dir = here.get("lang", ""), here.get("dir", "")
        elif tag == "form":
            self.actions.append(here.get("action", ""))
        elif tag == "input" and here.get("name") == "csrf":
            self.csrf = here["value"]
        elif tag == "option":
            self.languages[here["value"]] = "selected" in here
        elif tag == "button" and here.get("name") == "body":
            self.buttons.append(Button("body", here.get("value", "")))
        classes = here.get("class", "").split()
        if "message" in classes and here.get("id", "").startswith("m-"):
            self.messages.append(Message("me" if "me" in classes else "service", id=int(here["id"][2:])))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = [here.get("class", "") for _, here in self._open]
        if "text" in inside and self.messages:
            self.messages[-1].text += data
        if self.buttons and any(tag == "button" and here.get("name") == "body" for tag, here in self._open):
            self.buttons[-1].title += data
