"""What browsers get that others wrote: brought from the npm packages at install, served from here alone."""

import shutil
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent / "static" / "vendor"
FILES: Final = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}


class NotInstalled(RuntimeError):
    """The npm packages are not there, and nobody has brought the files before."""


def bring() -> None:
    """Copy what is missing or old, if the packages are here.

    raises: NotInstalled
    """
    FOLDER.mkdir(exist_ok=True)
    for name, place in FILES.items():
        source, target = _ROOT / "node_modules" / place, FOLDER / name
        if source.exists() and (not target.exists() or source.read_bytes() != target.read_bytes()):
            made = target.with_suffix(f"{target.suffix}.new")
            shutil.copyfile(source, made)
            made.replace(target)
        if not target.exists():
            raise NotInstalled(f"the console needs {place.split('/')[0]}: run `make install`")


if __name__ == "__main__":
    bring()
