"""Pictures of a bench: rate against clients, and rate against the size of the book."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench import Figure, Measured
from bench._report import FOLDER

RATE: Final = "per second"


def draw(measured: Measured) -> Iterator[Path]:
    """The pictures there are enough figures for."""
    figures = [row for row in measured.rows if isinstance(row, Figure) and row.unit == RATE]
    if len({figure.clients for figure in figures}) > 1:
        yield _picture(measured.name, figures, lambda figure: figure.clients, "clients")
    if len({figure.entries for figure in figures}) > 1:
        yield _picture(measured.name, figures, lambda figure: figure.entries, "entries in the book")


def _picture(name: str, figures: list[Figure], place: Callable[[Figure], int], axis: str) -> Path:
    # Slow to import, and only benches with pictures need it.
    from matplotlib import figure as canvas

    drawn = canvas.Figure(figsize=(10, 4.2), layout="constrained")
    rates, ratios = drawn.subplots(1, 2)
    for label in dict.fromkeys(figure.series or figure.name for figure in figures):
        of_it = sorted((figure for figure in figures if label in (figure.series, figure.name)), key=place)
        rates.plot([place(each) for each in of_it], [each.value for each in of_it], "o-", label=label)
        ratios.plot([place(each) for each in of_it], [each.ratio or 0 for each in of_it], "o-", label=label)
    if axis == "clients":
        places = sorted({place(each) for each in figures})
        limits = [max(each.limit or 0 for each in figures if place(each) == where) for where in places]
        rates.plot(places, limits, "k--", label="limit")
    rates.set_title(f"{name}: rate")
    rates.set_ylabel(RATE)
    ratios.set_title("part of the limit")
    for plot in (rates, ratios):
        plot.set_xlabel(axis)
        plot.set_ylim(bottom=0)
        plot.grid(alpha=0.3)
    rates.legend(fontsize="small")
    path = FOLDER / f"{name}-{axis.replace(' ', '-')}.png"
    drawn.savefig(path, dpi=120)
    return path
