"""Charts that the Prefect UI draws: Mermaid in Markdown. An SVG or an image file would not be drawn there."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.pages.markdown import Markdown, code

# The UI has a light and a dark theme, and Mermaid's own black text cannot be read on the dark one: these can on both.
_TEXT, _LINE, _BAR = "#71809a", "#64748b", "#2563eb"
_BARS = {
    "xyChart": {
        "backgroundColor": "transparent",
        "plotColorPalette": _BAR,
        **dict.fromkeys(
            ("titleColor", "xAxisLabelColor", "yAxisLabelColor", "xAxisTitleColor", "yAxisTitleColor"), _TEXT
        ),
        **dict.fromkeys(("xAxisTickColor", "yAxisTickColor", "xAxisLineColor", "yAxisLineColor"), _LINE),
    }
}
_PIE = {"pieLegendTextColor": _TEXT, "pieStrokeColor": _LINE, "pieOuterStrokeColor": _LINE}
_SLICES = {
    "inserted": "#16a34a",
    "updated": "#2563eb",
    "unchanged": "#94a3b8",
    "superseded": "#a78bfa",
    "rejected": "#dc2626",
    "deleted": "#f59e0b",
}
_HEIGHT = 320
# A chart of zeros would have an axis without length.
_LEAST = 10


def bar_chart(title: str, values: Mapping[str, int], *, counted: str) -> Markdown:
    """Return a bar chart, one bar for each label, in their order; `counted` names what is counted."""
    labels = ", ".join(map(_quoted, values))
    return _chart(
        {"themeVariables": _BARS, "xyChart": {"height": _HEIGHT}},
        "xychart-beta",
        f"    title {_quoted(title)}",
        f"    x-axis [{labels}]",
        f"    y-axis {_quoted(counted)} 0 --> {max(_LEAST, *values.values(), 0)}",
        f"    bar [{', '.join(str(value) for value in values.values())}]",
    )


def pie_chart(counts: Mapping[str, int]) -> Markdown:
    """Return a pie of the records by outcome; empty without any."""
    # Mermaid gives its colours out by size, whatever the order of the lines.
    outcomes = sorted((outcome for outcome in _SLICES if counts[outcome]), key=lambda outcome: -counts[outcome])
    if not outcomes:
        return Markdown()
    theme = _PIE | {f"pie{place}": _SLICES[outcome] for place, outcome in enumerate(outcomes, start=1)}
    slices = [f"    {_quoted(outcome)} : {counts[outcome]}" for outcome in outcomes]
    return _chart({"themeVariables": theme}, "pie showData", *slices)


def _chart(settings: Mapping[str, Any], *lines: str) -> Markdown:
    return code("\n".join([f"%%{{init: {json.dumps({'theme': 'base', **settings})}}}%%", *lines]), "mermaid")


def _quoted(label: str) -> str:
    """Return a label that ends neither its quotes nor its line, and holds no tag."""
    return '"' + re.sub(r'["`<>\[\]]', "'", " ".join(label.split())) + '"'
