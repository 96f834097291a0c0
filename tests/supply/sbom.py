"""What the house is made of, in CycloneDX: one file for Python, one for npm, from the locks alone."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".artifacts" / "sbom"


def write(folder: Path = FOLDER) -> list[Path]:
    """Write both files into `folder`, each held against the schema; their paths.

    raises: ValueError if one is not what CycloneDX asks for
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [_python(folder / "python.cdx.json"), _node(folder / "npm.cdx.json")]
    for path in written:
        if wrong := problem(path.read_text()):
            raise ValueError(f"{path.name} is not valid CycloneDX: {wrong}")
    return written


def problem(text: str) -> str | None:
    """What is wrong with a bill of materials; None if it is valid."""
    version = SchemaVersion.V1_6 if '"specVersion": "1.6"' in text else SchemaVersion.V1_5
    found = JsonStrictValidator(version).validate_str(text)
    return str(found) if found is not None else None


def _python(path: Path) -> Path:
    command = [
        *(str(Path(sys.executable).with_name("cyclonedx-py")), "requirements", "requirements.lock"),
        *("--output-reproducible", "--spec-version", "1.6", "--output-file", str(path)),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    return path


def _node(path: Path) -> Path:
    command = ["npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
    path.write_text(done.stdout)
    return path
