"""Boxes, text and arrows as SVG: self-contained, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ops.diagram.facts import Card

TITLE_PX, LINE_PX = 14.0, 12.0
LINE_STEP = 17.0
PADDING = 12.0

STYLE = """
:root{color-scheme:light dark}
.page{fill:#ffffff}.box{fill:#ffffff;stroke:#d0d7de}.group{fill:#f6f8fa;stroke:#d0d7de}
.t{fill:#1f2328;font-weight:600}.s{fill:#57606a}.h{fill:#57606a;font-weight:600}
.a{stroke:#6e7781;fill:none}.ah{fill:#6e7781}
.people{fill:#57606a}.edge{fill:#8250df}.guard{fill:#cf222e}.store{fill:#1a7f37}
.compute{fill:#d4730b}.model{fill:#0969da}.watch{fill:#bf3989}
text{font-family:ui-sans-serif,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}.box{fill:#161b22;stroke:#30363d}.group{fill:#10151c;stroke:#30363d}
.t{fill:#e6edf3}.s{fill:#9198a1}.h{fill:#9198a1}.a{stroke:#7d8590}.ah{fill:#7d8590}
.people{fill:#9198a1}.edge{fill:#a371f7}.guard{fill:#f85149}.store{fill:#3fb950}
.compute{fill:#f0883e}.model{fill:#58a6ff}.watch{fill:#db61a2}}
"""


def card_height(card: Card) -> float:
    """Height of a card with all its lines."""
    return 2 * PADDING + TITLE_PX + len(card.lines) * LINE_STEP - (0 if card.lines else 2)


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is; a little too wide rather than too narrow."""
    narrow, wide = set("iljtfr.,:;|'·()[] -/"), set("mwMWABCDGHNOQRUVXY@%—–→≥")
    units = sum(0.32 if c in narrow else 0.78 if c in wide else 0.54 for c in text)
    return units * size * (1.06 if bold else 1.0)


def fit(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than ``room``."""
    if width_of(text, size, bold=bold) <= room:
        return text
    while text and width_of(text + "…", size, bold=bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def text(x: float, y: float, content: str, *, css: str, size: float, anchor: str = "start") -> str:
    """One line of text."""
    return (
        f'<text x="{x:g}" y="{y:g}" class="{css}" font-size="{size:g}" text-anchor="{anchor}">'
        f"{escape(content)}</text>"
    )


def box(x: float, y: float, w: float, h: float, *, css: str = "box", radius: float = 8) -> str:
    """A rounded rectangle."""
    return f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{radius:g}" class="{css}"/>'


def card(item: Card, x: float, y: float, w: float, h: float | None = None) -> str:
    """A card with a coloured edge; text too long for it is cut, and stands whole in its tooltip."""
    height = h or card_height(item)
    room = w - 2 * PADDING - 6
    parts = [
        f"<g><title>{escape(chr(10).join((item.title, *item.lines)))}</title>",
        box(x, y, w, height),
        f'<path d="M{x + 6:g} {y:g}h-1a5 5 0 0 0-5 5v{height - 10:g}a5 5 0 0 0 5 5h1z" class="{item.kind}"/>',
    ]
    top = y + PADDING + TITLE_PX - 2
    title = fit(item.title, TITLE_PX, room, bold=True)
    parts.append(text(x + PADDING + 6, top, title, css="t", size=TITLE_PX))
    for number, line in enumerate(item.lines, 1):
        parts.append(
            text(x + PADDING + 6, top + number * LINE_STEP, fit(line, LINE_PX, room), css="s", size=LINE_PX)
        )
    return "".join([*parts, "</g>"])


def arrow(x1: float, y1: float, x2: float, y2: float, *, both: bool = False) -> str:
    """A line with an arrow head, bent once where it is neither level nor upright."""
    middle = (x1 + x2) / 2
    if abs(y1 - y2) < 1:
        path = f"M{x1:g} {y1:g}H{x2:g}"
    elif abs(x1 - x2) < 1:
        path = f"M{x1:g} {y1:g}V{y2:g}"
    else:
        path = f"M{x1:g} {y1:g}H{middle:g}V{y2:g}H{x2:g}"
    start = ' marker-start="url(#tip)"' if both else ""
    return f'<path d="{path}" class="a" stroke-width="1.5" marker-end="url(#tip)"{start}/>'


def document(width: float, height: float, parts: Iterable[str], *, title: str) -> str:
    """The whole file."""
    marker = (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" class="ah"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{escape(title, quote=True)}">\n'
        f"<title>{escape(title)}</title><style>{STYLE}</style><defs>{marker}</defs>\n"
        f"{box(0, 0, width, height, css='page', radius=0)}\n" + "\n".join(parts) + "\n</svg>\n"
    )
