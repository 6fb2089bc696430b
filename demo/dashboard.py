"""Draws the panels of deploy/dashboard.json from what a Prometheus has scraped, as a picture.

    python -m demo.dashboard --prometheus http://127.0.0.1:9090 --minutes 10 --output dashboard.png

Grafana shows the same queries; the picture is for those who want to see the dashboard before they
set one up.
"""

import argparse
import json
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes

DASHBOARD = Path(__file__).parents[1] / "deploy" / "dashboard.json"
STEPS = 120


def main() -> None:
    """Draw the dashboard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--until", type=datetime.fromisoformat, help="a local time; by default now")
    parser.add_argument("--output", default="dashboard.png")
    options = parser.parse_args()
    end = (options.until or datetime.now()).timestamp()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    rows: dict[int, list[dict[str, Any]]] = {}
    for panel in panels:
        if "targets" in panel:
            rows.setdefault(panel["gridPos"]["y"], []).append(panel)
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(16, 3 * len(rows)), layout="constrained")
    for part, own in zip(figure.subfigures(len(rows), 1).flat, rows.values(), strict=True):
        axes = part.subplots(1, len(own), squeeze=False)[0]
        for ax, panel in zip(axes, own, strict=True):
            _draw(ax, panel, options.prometheus, options.minutes, end)
    figure.savefig(options.output, dpi=80)


def _draw(ax: Axes, panel: dict[str, Any], prometheus: str, minutes: float, end: float) -> None:
    """Draw a panel: its series over time, or the last value of each."""
    series = [
        (_legend(target["legendFormat"], labels), values)
        for target in panel["targets"]
        for labels, values in ask(prometheus, target["expr"], minutes, end)
    ]
    ax.set_title(panel["title"], fontsize=10)
    if panel["type"] == "stat":
        ax.axis("off")
        lines = [f"{_value(values[-1][1], panel)}\n{name}" for name, values in series]
        ax.text(0.5, 0.5, "\n".join(lines) or "no data", ha="center", va="center", fontsize=14)
        return
    for name, values in series:
        ax.plot([(at - end) / 60 for at, _ in values], [v for _, v in values], label=name)
    ax.set_xlim(-minutes, 0)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("minutes before the end", fontsize=8)
    if series:
        ax.legend(fontsize=7)


def ask(
    prometheus: str, query: str, minutes: float, end: float
) -> list[tuple[dict[str, str], Sequence[Any]]]:
    """Ask for the series of a query.

    Args:
        prometheus: address of the server.
        query: the query; `$run` stands for all runs.
        minutes: minutes before the end at which the series begin.
        end: the end, in seconds since 1970.

    Returns:
        The labels of each series, and its pairs of time (seconds) and value.
    """
    words = {
        "query": query.replace("$run", ".*"),
        "start": end - 60 * minutes,
        "end": end,
        "step": 60 * minutes / STEPS,
    }
    address = f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(words)}"
    with urllib.request.urlopen(address) as answer:
        found = json.load(answer)["data"]["result"]
    return [(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in found]


def _legend(text: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _value(value: float, panel: dict[str, Any]) -> str:
    """Format a value in the unit of its panel."""
    units = {"percentunit": f"{value:.0%}", "currencyUSD": f"${value:.2f}", "s": f"{value:.0f} s"}
    return units.get(panel["fieldConfig"]["defaults"]["unit"], f"{value:.3g}")


if __name__ == "__main__":
    main()
