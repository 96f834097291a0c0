"""Putting an outcome out: the envelope as JSON, or words for people."""

import json
import sys

from app.client_cli.outcomes import Outcome


def show(outcome: Outcome, *, pretty: bool) -> None:
    """Print an outcome. JSON goes to standard output, whatever it says."""
    if pretty:
        # Tables take a moment to import; who reads JSON need not wait for them.
        from app.client_cli import pretty as words

        words.show(outcome)
        return
    sys.stdout.write(json.dumps(outcome.envelope, indent=2) + "\n")
    sys.stdout.flush()
