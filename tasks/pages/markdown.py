"""The Markdown of the pages. What comes from outside is escaped, so that it stays text and stays in its cell."""

import re
from collections.abc import Iterable, Sequence
from numbers import Real

from prefect.artifacts import create_markdown_artifact

_SPECIAL = re.compile(r"([\\`*\[\]|~])")


class Markdown(str):
    """Text that is Markdown already: made here, or a literal of ours with numbers and times in it."""

    __slots__ = ()


def escape(text: object) -> Markdown:
    """Return text on one line in which neither Markdown nor HTML finds anything to act on."""
    if isinstance(text, Markdown):
        return text
    plain = " ".join(str(text).splitlines()).replace("&", "&amp;").replace("<", "&lt;")
    return Markdown(_SPECIAL.sub(r"\\\1", plain))


def bold(text: object) -> Markdown:
    """Return text in bold."""
    return Markdown(f"**{escape(text)}**")


def link(host: str, record: str = "") -> Markdown:
    """Return a link to a record of an org, or to the org."""
    return Markdown(f"[{escape(record or host)}](https://{host}/{record})")


def links(host: str, records: Iterable[str]) -> Markdown:
    """Return links to records of an org, with commas between them."""
    return Markdown(", ".join(link(host, record) for record in records))


def heading(text: object, level: int = 3) -> Markdown:
    """Return a heading."""
    return Markdown(f"{'#' * level} {escape(text)}")


def bullets(items: Iterable[object]) -> Markdown:
    """Return a list; empty when there are no items."""
    return Markdown("\n".join(f"- {escape(item)}" for item in items))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """Return a table, empty without rows; a column with numbers is on the right, and None is an empty cell."""
    filled = [tuple(row) for row in rows]
    if not filled:
        return Markdown()
    columns = zip(*filled, strict=True)
    rule = ["---:" if any(isinstance(value, Real) for value in column) else "---" for column in columns]
    lines: list[Sequence[object]] = [header, rule, *filled]
    return Markdown("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


def code(text: str, language: str = "") -> Markdown:
    """Return lines to copy as they are."""
    fence = "````" if "```" in text else "```"
    return Markdown(f"{fence}{language}\n{text.rstrip()}\n{fence}")


def publish_page(key: str, title: str, sentence: str, *parts: Markdown) -> None:
    """Leave a page under its key: the title, the sentence, and the parts that are not empty."""
    said = escape(sentence)
    text = "\n\n".join([heading(title, 2), said, *(part for part in parts if part)])
    create_markdown_artifact(text, key=key, description=said)


def _cell(value: object) -> Markdown:
    if value is None:
        return Markdown()
    return Markdown(f"{value:,}") if isinstance(value, Real) else escape(value)
