"""Small charts as SVG: bars over time, and a gauge."""

from collections.abc import Sequence

from markupsafe import Markup

HEIGHT = 40


def bars(values: Sequence[int], label: str, *, width: int = 300) -> Markup:
    """Draw one bar per value, the newest on the right; `label` describes the chart."""
    return stacked(values, [0] * len(values), label, width=width)


def stacked(good: Sequence[int], bad: Sequence[int], label: str, *, width: int = 300) -> Markup:
    """Draw bars of two parts: successes, and failures on top."""
    most = max([1, *(first + second for first, second in zip(good, bad, strict=True))])
    each = width / max(1, len(good))
    parts = [
        Markup('<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">').format(
            width, HEIGHT, label
        ),
        Markup('<path class="ground" d="M0 {0}H{1}"/>').format(HEIGHT - 0.5, width),
    ]
    for at, (well, ill) in enumerate(zip(good, bad, strict=True)):
        tall, top = well * (HEIGHT - 2) / most, ill * (HEIGHT - 2) / most
        left, wide = at * each, max(0.8, each - 1)
        if well:
            parts.append(_bar("well", left, HEIGHT - max(1.5, tall), wide, max(1.5, tall), well))
        if ill:
            parts.append(_bar("ill", left, HEIGHT - tall - max(2.0, top), wide, max(2.0, top), ill))
    return Markup("").join([*parts, Markup("</svg>")])


def gauge(share: float, label: str, *, width: int = 300) -> Markup:
    """Draw how full something is, from 0 to 1."""
    kind = "well" if share < 0.75 else "ill"
    return Markup(
        '<svg class="bars gauge" viewBox="0 0 {0} 8" preserveAspectRatio="none" role="img" aria-label="{1}">'
        '<rect class="ground" width="{0}" height="8"/><rect class="{2}" width="{3:.1f}" height="8"/></svg>'
    ).format(width, label, kind, max(1.0, min(1.0, share) * width))


def _bar(kind: str, left: float, top: float, wide: float, tall: float, value: int) -> Markup:
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(kind, left, top, wide, tall, value)
