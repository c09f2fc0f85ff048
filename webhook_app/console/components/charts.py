"""Small charts as SVG: bars over time, and a gauge."""

from collections.abc import Sequence

from markupsafe import Markup

HEIGHT = 40


def bars(values: Sequence[int], label: str, *, width: int = 300) -> Markup:
    """Draw one bar per value, the newest on the right; `label` describes the chart."""
    return stacked(values, [0] * len(values), label, width=width)


def stacked(succeeded: Sequence[int], failed: Sequence[int], label: str, *, width: int = 300) -> Markup:
    """Draw bars of two parts: successes, and failures on top."""
    highest = max([1, *(first + second for first, second in zip(succeeded, failed, strict=True))])
    each = width / max(1, len(succeeded))
    parts = [
        Markup('<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">').format(
            width, HEIGHT, label
        ),
        Markup('<path class="background" d="M0 {0}H{1}"/>').format(HEIGHT - 0.5, width),
    ]
    for at, (succeeded_count, failed_count) in enumerate(zip(succeeded, failed, strict=True)):
        scale = (HEIGHT - 2) / highest
        succeeded_height, failed_height = succeeded_count * scale, failed_count * scale
        left, bar_width = at * each, max(0.8, each - 1)
        if succeeded_count:
            height = max(1.5, succeeded_height)
            parts.append(_bar("good", left, HEIGHT - height, bar_width, height, succeeded_count))
        if failed_count:
            height = max(2.0, failed_height)
            parts.append(_bar("bad", left, HEIGHT - succeeded_height - height, bar_width, height, failed_count))
    return Markup("").join([*parts, Markup("</svg>")])


def gauge(share: float, label: str, *, width: int = 300) -> Markup:
    """Draw how full something is, from 0 to 1."""
    kind = "good" if share < 0.75 else "bad"
    return Markup(
        '<svg class="bars gauge" viewBox="0 0 {0} 8" preserveAspectRatio="none" role="img" aria-label="{1}">'
        '<rect class="background" width="{0}" height="8"/><rect class="{2}" width="{3:.1f}" height="8"/></svg>'
    ).format(width, label, kind, max(1.0, min(1.0, share) * width))


def _bar(kind: str, left: float, top: float, width: float, height: float, value: int) -> Markup:
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(kind, left, top, width, height, value)
