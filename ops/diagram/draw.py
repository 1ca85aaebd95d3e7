"""Where everything stands: viewers, edge, origins, services from left to right, monitoring below."""

from __future__ import annotations

from ops.diagram.facts import Card, Picture, Row
from ops.diagram.svg import arrow, box, card, card_height, document, text

WIDTH = 1280.0
TOP = 76.0
GAP = 14.0
VIEWERS_X, VIEWERS_W = 24.0, 214.0
EDGE_X, EDGE_W = 274.0, 344.0
ORIGIN_X, ORIGIN_W = 662.0, 296.0
SERVICE_X, SERVICE_W = 1004.0, 252.0
HEAD = 52.0
FRAME_HEAD = 30.0


def draw(picture: Picture) -> str:
    """The picture as an SVG document."""
    parts = [
        text(24, 34, "Architecture", css="t", size=20),
        text(24, 54, picture.title, css="s", size=13),
    ]
    rows, bottom = _rows(picture)
    edge_bottom = bottom + GAP
    parts.append(box(EDGE_X, TOP, EDGE_W, edge_bottom - TOP, css="group", radius=12))
    parts.append(text(EDGE_X + 16, TOP + 24, picture.edge_title, css="t", size=15))
    parts.append(text(EDGE_X + 16, TOP + 42, picture.edge_line, css="s", size=12))
    if picture.firewall:
        parts.append(card(picture.firewall, EDGE_X + GAP, TOP + HEAD, EDGE_W - 2 * GAP))
    parts += _viewers(picture, edge_bottom)
    api: tuple[float, float, float] | None = None
    for row, y, height in rows:
        parts += _row(row, y, height)
        if row.is_api and api is None:
            api = (y, height, _process(row, y))
    service_bottom = TOP
    if api is not None:
        drawn, service_bottom = _services(picture.services, *api)
        parts += drawn
    below = max(edge_bottom, service_bottom, TOP + _left_height(picture)) + 24
    parts += _watching(picture.watching, below)
    height = below + (112 if picture.watching else 0)
    return document(WIDTH, height, parts, title=f"Architecture: {picture.title}")


def _rows(picture: Picture) -> tuple[list[tuple[Row, float, float]], float]:
    y = TOP + HEAD + (card_height(picture.firewall) + GAP if picture.firewall else 0)
    services = sum(card_height(s) + GAP for s in picture.services) - GAP
    placed = []
    for row in picture.rows:
        height = max(card_height(row.behavior), _origin_height(row))
        if row.is_api:
            # Services hang beside the API: its row gives them room.
            height = max(height, services - (y - TOP))
        placed.append((row, y, height))
        y += height + GAP
    return placed, y - GAP


def _origin_height(row: Row) -> float:
    stacked = sum(card_height(c) for c in row.origin) + (len(row.origin) - 1) * 22
    return stacked + (FRAME_HEAD + GAP if row.frame else 0)


def _row(row: Row, y: float, height: float) -> list[str]:
    parts = []
    tall = card_height(row.behavior)
    inset = GAP if row.frame else 0.0
    top = y
    if row.frame:
        parts.append(box(ORIGIN_X, y, ORIGIN_W, _origin_height(row), css="group", radius=12))
        parts.append(text(ORIGIN_X + 14, y + 20, row.frame, css="h", size=12))
        top = y + FRAME_HEAD
    # The behavior stands level with the first card of its origin, where the row has the room.
    level = top + card_height(row.origin[0]) / 2
    behavior = max(y, level - tall / 2)
    parts.append(card(row.behavior, EDGE_X + GAP, behavior, EDGE_W - 2 * GAP))
    parts.append(arrow(EDGE_X + EDGE_W - GAP, behavior + tall / 2, ORIGIN_X + inset, level))
    for number, item in enumerate(row.origin):
        parts.append(card(item, ORIGIN_X + inset, top, ORIGIN_W - 2 * inset))
        bottom = top + card_height(item)
        if number + 1 < len(row.origin):
            middle = ORIGIN_X + ORIGIN_W / 2
            parts.append(arrow(middle, bottom, middle, bottom + 22))
        top = bottom + 22
    return parts


def _viewers(picture: Picture, edge_bottom: float) -> list[str]:
    y = TOP + HEAD
    viewers, names = picture.viewers, picture.names
    lower = y + card_height(viewers) + 30
    middle = VIEWERS_X + VIEWERS_W / 2
    return [
        card(viewers, VIEWERS_X, y, VIEWERS_W),
        arrow(middle, y + card_height(viewers), middle, lower),
        card(names, VIEWERS_X, lower, VIEWERS_W),
        arrow(
            VIEWERS_X + VIEWERS_W,
            min(lower + card_height(names) / 2, edge_bottom - 20),
            EDGE_X,
            min(lower + card_height(names) / 2, edge_bottom - 20),
        ),
    ]


def _left_height(picture: Picture) -> float:
    return HEAD + card_height(picture.viewers) + 30 + card_height(picture.names)


def _process(row: Row, y: float) -> float:
    """The height at which the API's own process stands: the last compute card of its origin."""
    top = y + (FRAME_HEAD if row.frame else 0)
    level = top
    for item in row.origin:
        if item.kind == "compute":
            level = top + card_height(item) / 2
        top += card_height(item) + 22
    return level


def _services(services: tuple[Card, ...], y: float, height: float, start: float) -> tuple[list[str], float]:
    parts = []
    total = sum(card_height(s) + GAP for s in services) - GAP
    top = max(y + (height - total) / 2, TOP)
    # One trunk, a branch to each.
    trunk = (ORIGIN_X + ORIGIN_W + SERVICE_X) / 2
    for item in services:
        middle = top + card_height(item) / 2
        parts.append(card(item, SERVICE_X, top, SERVICE_W))
        if abs(start - middle) < 1:
            parts.append(arrow(ORIGIN_X + ORIGIN_W, middle, SERVICE_X, middle))
        else:
            path = f"M{ORIGIN_X + ORIGIN_W:g} {start:g}H{trunk:g}V{middle:g}H{SERVICE_X:g}"
            parts.append(f'<path d="{path}" class="a" stroke-width="1.5" marker-end="url(#tip)"/>')
        top += card_height(item) + GAP
    return parts, top - GAP


def _watching(cards: tuple[Card, ...], y: float) -> list[str]:
    if not cards:
        return []
    parts = [
        box(24, y, WIDTH - 48, 96, css="group", radius=12),
        text(40, y + 54, "Watching", css="t", size=15),
    ]
    start = 134.0
    width = (WIDTH - 24 - GAP - start - GAP * (len(cards) - 1)) / len(cards)
    for number, item in enumerate(cards):
        parts.append(card(item, start + number * (width + GAP), y + GAP, width, 68))
    return parts
