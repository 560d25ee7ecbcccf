"""The Markdown of the pages. What comes from outside is escaped, so that it stays text and stays in its cell."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from crm_sync.runs.states import RunState

# More rows make the page of an artifact slow.
_SHOWN_ROWS = 1_000
# Bytes of rows in an artifact: its event holds it whole, and Prefect refuses one of 1.5 MB with a warning.
_LARGEST_PART = 1_200_000
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
    """Return a link to a record of an org, or to the org; its name alone where the org's address is not known."""
    if not host:
        return escape(record)
    return Markdown(f"[{escape(record or host)}](https://{host}/{record})")


def address(host: str, record: str) -> str:
    """Return the address of a record, for a list, whose cells show no links; empty where it is not known."""
    return f"https://{host}/{record}" if host else ""


def links(host: str, records: Iterable[str]) -> Markdown:
    """Return links to records of an org, with commas between them."""
    return Markdown(", ".join(link(host, record) for record in records))


def link_to_page(key: str, name: str = "") -> Markdown:
    """Return a link to the newest page under a key, on the server that shows this one."""
    return Markdown(f"[{escape(name or key)}](/v2/artifacts/key/{key})")


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


def publish_page(key: str, title: str, sentence: str, *parts: Markdown, state: RunState | None = None) -> None:
    """Leave a page under its key: the title, the sentence, and the parts that are not empty."""
    said = _verdict_first(sentence, state)
    text = "\n\n".join([heading(title, 2), said, *(part for part in parts if part)])
    create_markdown_artifact(text, key=key, description=said)


def publish_table(
    key: str, rows: Sequence[Mapping[str, Any]], sentence: str, *, in_all: int = 0, state: RunState | None = None
) -> None:
    """Leave rows as a table under a key: the first thousand, since more make the page slow, and all beside it, in
    parts where they are many.

    `in_all`: how many there are where `rows` are only the first of them.
    """
    shown, said = next(_parts(rows[:_SHOWN_ROWS])), _verdict_first(sentence, state)
    total, keys, before = max(in_all, len(rows)), [], 0
    for number, part in enumerate(_parts(rows) if len(rows) > len(shown) else (), start=1):
        keys.append(f"{key}-all" if number == 1 else f"{key}-all-{number}")
        which = f"{said} Rows {before + 1:,} to {before + len(part):,} of {total:,}."
        create_table_artifact(part, key=keys[-1], description=which)
        before += len(part)
    if total > len(shown):
        said = Markdown(f"{said} Shown are the first {len(shown):,} of {total:,}.")
    if keys:
        said = Markdown(f"{said} All: {', '.join(link_to_page(one) for one in keys)}.")
    create_table_artifact(shown, key=key, description=said)


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Give the rows in parts that Prefect has room for in an event; there is one, if it is empty."""
    part: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        # As JSON in JSON, which is how an event holds it.
        added = len(json.dumps(json.dumps(row, default=str)))
        if part and size + added > _LARGEST_PART:
            yield part
            part, size = [], 0
        part.append(dict(row))
        size += added
    yield part


def _verdict_first(sentence: str, state: RunState | None) -> Markdown:
    """Return the sentence behind its verdict, so that it is seen where a list of pages cuts it off."""
    verdict = f"{state.verdict}: " if state else ""
    return escape(verdict + sentence.removeprefix(verdict))


def _cell(value: object) -> Markdown:
    if value is None:
        return Markdown()
    return Markdown(f"{value:,}") if isinstance(value, Real) else escape(value)
