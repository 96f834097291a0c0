"""`python -m tests.supply audit` or `sbom`: what we are made of, and what is known of it."""

import argparse
import sys

from tests.supply import audit, sbom


def main() -> int:
    """The exit code: of `audit` 0 clean, 1 weak, 75 if somebody could not be asked."""
    wanted = argparse.ArgumentParser(prog="python -m tests.supply")
    wanted.add_argument("what", choices=("audit", "sbom"))
    if wanted.parse_args().what == "sbom":
        sys.stdout.writelines(f"{path.relative_to(sbom.ROOT)}\n" for path in sbom.write())
        return 0
    answers = [audit.python_packages(), audit.node_packages()]
    sys.stdout.writelines(f"{audit.told(each)}\n" for each in answers)
    return audit.exit_code(answers)


if __name__ == "__main__":
    sys.exit(main())
