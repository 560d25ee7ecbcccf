"""Charts that the Prefect UI draws: Mermaid in Markdown. An SVG or an image file would not be drawn there."""

import json
from collections.abc import Mapping

# The UI draws charts on a dark ground, where Mermaid's own black text cannot be read.
_LIGHT, _LINE, _BAR = "#e2e8f0", "#64748b", "#2563eb"
_THEME = {
    "xyChart": {
        "backgroundColor": "transparent",
        "plotColorPalette": _BAR,
        **dict.fromkeys(
            ("titleColor", "xAxisLabelColor", "yAxisLabelColor", "xAxisTitleColor", "yAxisTitleColor"), _LIGHT
        ),
        **dict.fromkeys(("xAxisTickColor", "yAxisTickColor", "xAxisLineColor", "yAxisLineColor"), _LINE),
    }
}
_HEIGHT = 320
# A chart of zeros would have an axis without length.
_LEAST = 10


def bar_chart(title: str, values: Mapping[str, int], *, counted: str) -> list[str]:
    """Return the lines of a bar chart, one bar for each label, in their order; `counted` names what is counted.

    Labels and names go into the chart as they are: they are ours, and hold no quotes.
    """
    settings = json.dumps({"theme": "base", "themeVariables": _THEME, "xyChart": {"height": _HEIGHT}})
    labels = ", ".join(f'"{label}"' for label in values)
    return [
        "```mermaid",
        f"%%{{init: {settings}}}%%",
        "xychart-beta",
        f'    title "{title}"',
        f"    x-axis [{labels}]",
        f'    y-axis "{counted}" 0 --> {max(_LEAST, *values.values(), 0)}',
        f"    bar [{', '.join(str(value) for value in values.values())}]",
        "```",
    ]
