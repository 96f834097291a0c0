"""Writes the folder of a new rail, which passes the conformance suite as it is.

The template is the rail of the examples, `bank_transfer`; its name is replaced wherever it stands.
"""

import keyword
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_TEMPLATE: Final = Path(__file__).parent / "template"
_SUFFIX: Final = ".txt"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 32
_OF_TEMPLATE: Final = "bank_transfer"


class CannotWrite(Exception):
    """The folder of a new rail cannot be written: the message says why. Nothing was changed."""

    code = "CANNOT_WRITE_RAIL"


def write(name: str, *, into: Path, taken: Sequence[str] = ()) -> Sequence[Path]:
    """Write the folder `name` into a folder, which is made if it is missing. Returns the files.

    raises: CannotWrite if `name` is none, or is one of `taken`, or something is there already.
    """
    _check_name(name, taken)
    folder = into / name
    if folder.exists():
        raise CannotWrite(
            f"{folder} is there already, and nothing is overwritten: choose another name or folder"
        )
    try:
        folder.mkdir(parents=True)
        return [_write(source, folder, name) for source in sorted(_TEMPLATE.glob(f"*{_SUFFIX}"))]
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be written: {error.strerror}") from error


def rendered(template: str, name: str) -> str:
    """The text of a template for the rail `name`: in snake, dashes, capitals and camel."""
    return (
        template.replace(_OF_TEMPLATE, name)
        .replace(_dashed(_OF_TEMPLATE), _dashed(name))
        .replace(_OF_TEMPLATE.upper(), name.upper())
        .replace(_camel(_OF_TEMPLATE), _camel(name))
    )


def _check_name(name: str, taken: Sequence[str]) -> None:
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise CannotWrite(
            f"{name!r} is no name of a rail: small letters, digits and single underscores,"
            f" beginning with a letter, {_LONGEST} at most, such as bank_transfer"
        )
    if name in taken:
        raise CannotWrite(f"a rail {name} is installed already: choose another name")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or find_spec(name) is not None:
        raise CannotWrite(f"Python has a module or word {name} already: choose another name")


def _write(source: Path, folder: Path, name: str) -> Path:
    target = folder / source.name.removesuffix(_SUFFIX)
    with target.open("x", encoding="utf-8") as file:
        file.write(rendered(source.read_text(encoding="utf-8"), name))
    return target


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
