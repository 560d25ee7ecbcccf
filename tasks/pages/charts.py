"""Bars that are text: the same in the UI's light and dark theme, and none where there is nothing."""

from collections.abc import Mapping
from math import ceil

from tasks.pages.markdown import Markdown, table

_WIDTH = 24


def bar_chart(label: str, counted: str, values: Mapping[str, int]) -> Markdown:
    """Return a row with a bar for each value, in their order; empty without any."""
    most = max(values.values(), default=0)
    return table((label, counted, ""), [(name, value, _bar(value, most)) for name, value in values.items()])


def _bar(value: int, most: int) -> Markdown:
    return Markdown("█" * ceil(_WIDTH * value / most)) if value > 0 else Markdown()
