"""The health of a data set as one page: tables and plots, without scripts and without other files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from layoutgen.data.health import Health
from layoutgen.domain.size_prior import SizePrior

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .8rem; text-align: left;
  border-bottom: 1px solid #ddd; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; } .bar { fill: #4678b2; } .prior { fill: #4678b2; opacity: .12; }
text { font: 12px system-ui, sans-serif; fill: #444; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; }
  td, th { border-color: #444; }
  text { fill: #bbb; } }
"""
MARK = '<meta name="generator" content="layoutgen inspect">'
"""In every such page."""
_SHOWN = 40  # labels in the plot; places of a kind in a list
_WIDTH = 720


def health_page(
    health: Health, title: str, prior: SizePrior, findings: Sequence[tuple[str, int, str]]
) -> str:
    """The page: `findings` are rows of what, how many, and the first of them."""
    labels = [(one.label, one.objects, one.images, one.masks, f"{one.median:.0f}") for one in health.labels]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{health.images:,} images, {health.objects:,} objects, {len(health.labels):,} labels.</p>",
        "<h2>Findings</h2>",
        _table(("", "", "the first"), findings),
        "<h2>Sizes</h2>",
        "<p>Longer side of the boxes in pixels; shaded is what the model draws well.</p>",
        _histogram(health.sides, prior),
        "<h2>Labels</h2>",
        _bars([(one.label, one.objects) for one in health.labels[:_SHOWN]]),
        _table(("label", "objects", "images", "masks", "median px"), labels),
    ]
    head = f'<meta charset="utf-8">{MARK}<title>{escape(title)}</title><style>{_STYLE}</style>'
    view = '<meta name="viewport" content="width=device-width">'
    body = "\n".join(parts)
    return f"<!doctype html>\n<html lang=en><head>{head}{view}</head><body>\n{body}\n</body></html>\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def cell(value: object) -> str:
        if isinstance(value, int):
            return f'<td class="n">{value:,}</td>'
        return f"<td>{escape(str(value))}</td>"

    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(cell(value) for value in row) + "</tr>" for row in rows]
    return "<table>" + "".join(lines) + "</table>"


def _bars(rows: Sequence[tuple[str, int]]) -> str:
    most, height = max((count for _, count in rows), default=0) or 1, 22
    lines = []
    for index, (label, count) in enumerate(rows):
        y, width = index * height, 480 * count / most
        lines.append(f'<text x="150" y="{y + 15}" text-anchor="end">{escape(label[:24])}</text>')
        lines.append(f'<rect class="bar" x="158" y="{y + 3}" width="{width:.1f}" height="{height - 6}"/>')
        lines.append(f'<text x="{164 + width:.1f}" y="{y + 15}">{count:,}</text>')
    return _svg(max(len(rows), 1) * height, lines)


def _histogram(sides: Sequence[float], prior: SizePrior) -> str:
    """How many boxes are how large, on a logarithmic axis."""
    if not sides:
        return "<p>There is no box.</p>"
    low, high = max(min(sides), 1.0), max(max(sides), 2.0)
    edges = np.geomspace(min(low, high / 2), high, 31)
    counts, _ = np.histogram(np.clip(sides, edges[0], edges[-1]), edges)

    def place(value: float) -> float:
        share = np.log(value / edges[0]) / np.log(edges[-1] / edges[0])
        return float(_WIDTH * min(max(share, 0.0), 1.0))

    first, last = place(prior.smallest), place(min(prior.largest, edges[-1]))
    width = max(last - first, 0.0)
    lines = [f'<rect class="prior" x="{first:.1f}" y="0" width="{width:.1f}" height="180"/>']
    for count, start, end in zip(counts, edges[:-1], edges[1:], strict=True):
        x, tall = place(float(start)), 170 * int(count) / int(counts.max())
        lines.append(
            f'<rect class="bar" x="{x:.1f}" y="{180 - tall:.1f}" width="{place(float(end)) - x - 1:.1f}" '
            f'height="{tall:.1f}"><title>{start:.0f} to {end:.0f} px: {count:,}</title></rect>'
        )
    for value in (edges[0], float(np.sqrt(edges[0] * edges[-1])), edges[-1]):
        x = min(max(place(float(value)), 12), _WIDTH - 16)
        lines.append(f'<text x="{x:.1f}" y="198" text-anchor="middle">{value:.0f}</text>')
    return _svg(204, lines)


def _svg(height: float, lines: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(lines)}</svg>'
