"""The picture of a soak: everything that was watched, against the requests that were done."""

from collections.abc import Sequence
from pathlib import Path

from bench._report import FOLDER
from bench._sampling import Sample


def draw(samples: Sequence[Sample]) -> Path:
    """Draw one plot a unit; the path of the picture."""
    # Slow to import, and only this needs it.
    from matplotlib import figure

    units = list(dict.fromkeys(level.unit for level in samples[-1].watched.values()))
    drawn = figure.Figure(figsize=(4 * len(units), 3.8), layout="constrained", facecolor="white")
    for unit, plot in zip(units, drawn.subplots(1, len(units)), strict=True):
        for name, level in samples[-1].watched.items():
            if level.unit == unit:
                seen = [each for each in samples if name in each.watched]
                levels = [each.watched[name].value for each in seen]
                plot.plot([each.requests for each in seen], levels, "o-", markersize=3, label=name)
        plot.set_title(unit)
        plot.set_xlabel("requests done")
        plot.set_ylim(bottom=0)
        plot.grid(alpha=0.3)
        plot.legend(fontsize="x-small")
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "soak.png"
    drawn.savefig(path, dpi=100)
    return path
