"""A page taken apart: its tags, and the text that a reader sees."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "input", "img"}


class Parsed(HTMLParser):
    """The tags of a page, with their attributes, and its text, by the tag that it is in."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def count(self, tag):
        return sum(each == tag for each, _ in self.tags)

    @property
    def text(self):
        return " ".join(
            " ".join(t for tag, t in self.texts if tag not in ("script", "style")).split()
        )
