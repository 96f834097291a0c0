"""The pytest plugin of a rail's test file: `pytest_plugins = ["app.rail_kit.plugin"]`.

It gives the suite of `rails.conformance` a database, the doors and a report. Never import it: pytest does.
"""

from app.rail_kit.fixtures import database_url, doors, kit_postgres_url, sessions, stage
from app.rail_kit.report import pytest_addoption, pytest_runtest_makereport, pytest_terminal_summary

__all__ = [
    "kit_postgres_url",
    "database_url",
    "sessions",
    "stage",
    "doors",
    "pytest_addoption",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
]
