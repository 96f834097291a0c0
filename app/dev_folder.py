"""Where `pennyrail dev` keeps its data, and the option that names that folder."""

from pathlib import Path
from typing import Annotated, Final

import typer

DEV_FOLDER: Final = Path(".pennyrail/dev")
OR_A_FOLDER: Final = f"; for the house of `pennyrail dev` add --folder {DEV_FOLDER}"
DevHouse = Annotated[
    Path | None,
    typer.Option("--folder", help="the folder of a running `pennyrail dev`, instead of the environment"),
]
