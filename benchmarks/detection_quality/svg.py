"""Small plots as SVG text, without a plotting library."""

import html

import numpy as np

STYLE = "<style>body{font:14px sans-serif;max-width:60em;margin:auto} svg{width:100%} p{color:#555}</style>"
WIDTH, HEIGHT, LEFT, BELOW = 900.0, 170.0, 46.0, 22.0


def detection(title, counts, flags, found):
    """Counts as bars, expected and bound as lines, alarms as triangles, the source's own outbreak flags shaded."""
    first = max(found.start, found.first) if found.start == 0 else found.start
    shown = np.arange(len(counts)) >= first
    bound = np.full(len(counts), np.nan)
    bound[found.start :] = found.upperbound
    expected = np.full(len(counts), np.nan)
    expected[found.start :] = found.expected
    alarm = np.zeros(len(counts), dtype=bool)
    alarm[found.start :] = found.alarm
    seen, limit = counts[shown], bound[shown]
    if not seen.size:
        return f"<p>{html.escape(title)}: no point has a whole baseline.</p>"
    top = max(1.0, 1.05 * float(np.nanmax(seen)))
    width = (WIDTH - LEFT) / seen.size

    def across(k):
        return LEFT + width * k

    def down(value):
        return HEIGHT - BELOW - (HEIGHT - BELOW - 18) * min(max(float(value), 0.0), top) / top

    parts = [f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img"><title>{html.escape(title)}</title>']
    parts.append(
        f'<text x="{LEFT}" y="12" font-size="12">{html.escape(title)}: {int(alarm[shown].sum())} alarms</text>'
    )
    shade = f'y="18" width="{width:.2f}" height="{HEIGHT - BELOW - 18:.0f}" fill="#fde8c8"/>'
    parts += [f'<rect x="{across(k):.1f}" {shade}' for k in np.flatnonzero(flags[shown] > 0)]
    parts += [
        f'<rect x="{across(k):.1f}" y="{down(seen[k]):.1f}" width="{max(width - 0.3, 0.3):.2f}" '
        f'height="{HEIGHT - BELOW - down(seen[k]):.1f}" fill="#9bb3c9"/>'
        for k in np.flatnonzero(seen > 0)
    ]
    for line, colour in ((limit, "#b3261e"), (expected[shown], "#1b5e20")):
        told = np.flatnonzero(np.isfinite(line))
        pens = np.where(np.diff(told, prepend=-2) > 1, "M", "L")
        path = "".join(f"{pen}{across(k + 0.5):.1f} {down(line[k]):.1f}" for pen, k in zip(pens, told, strict=True))
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1"/>')
    for k in np.flatnonzero(alarm[shown]):
        x = across(k + 0.5)
        parts.append(f'<path d="M{x - 3:.1f} {HEIGHT - 12}h6l-3 -7z" fill="#b3261e"/>')
    parts.append(f'<text x="2" y="{down(top):.0f}" font-size="11">{top:.0f}</text>')
    parts.append(f'<text x="2" y="{HEIGHT - BELOW:.0f}" font-size="11">0</text></svg>')
    return "".join(parts)


def frontier(points):
    """Probability of detection against that in the first week, one line a rate; labels are the weights `before`."""
    low, high = (0.52, 0.36), (0.72, 0.56)
    width, height, edge = 640.0, 420.0, 60.0

    def place(pod, first):
        x = edge + (width - 2 * edge) * (pod - low[0]) / (high[0] - low[0])
        y = height - edge - (height - 2 * edge) * (first - low[1]) / (high[1] - low[1])
        return f"{x:.1f}", f"{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif">'
    ]
    parts.append(f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>')
    for k in range(5):
        pod, first = low[0] + 0.05 * k, low[1] + 0.05 * k
        x, _ = place(pod, low[1])
        _, y = place(low[0], first)
        parts.append(f'<path d="M{x} {edge}V{height - edge}M{edge} {y}H{width - edge}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{height - edge + 18}" font-size="12" text-anchor="middle">{pod:.2f}</text>')
        parts.append(f'<text x="{edge - 8}" y="{y}" font-size="12" text-anchor="end">{first:.2f}</text>')
    for (rate, line), colour in zip(points.items(), ("#b3261e", "#1b5e9b"), strict=True):
        path = "L".join(" ".join(place(pod, first)) for pod, first, _ in line)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for pod, first, label in line:
            x, y = place(pod, first)
            parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>')
            parts.append(f'<text x="{x}" y="{float(y) - 8:.1f}" font-size="11">{label}</text>')
        x, y = place(*line[0][:2])
        parts.append(f'<text x="{x}" y="{float(y) - 24:.1f}" font-size="12" fill="{colour}">FPR {rate:.0%}</text>')
    x, y = place(0.509, 0.403)
    parts.append(f'<circle cx="{edge}" cy="{y}" r="4" fill="#555"/>')
    parts.append(
        f'<text x="{edge + 8}" y="{float(y) + 4:.1f}" font-size="11">R, Farrington flexible, 1%: 0.509, 0.403</text>'
    )
    parts.append(
        f'<text x="{width / 2}" y="{height - 14}" font-size="13" text-anchor="middle">probability of detection</text>'
    )
    turned = f'transform="translate(16 {height / 2}) rotate(-90)" font-size="13" text-anchor="middle"'
    parts.append(f"<text {turned}>in the first week</text></svg>")
    return "\n".join(parts)
