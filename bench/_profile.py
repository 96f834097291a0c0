"""Where an operation's time goes: the functions of the book by their own time.

Counting makes every call slower and the small functions look larger than they are; functions in LANGUAGE sql
that the planner puts into the calling statement do not appear.
"""

import sys
from typing import Final

import psycopg

from bench import QUICK, Effort
from bench._run import running
from bench._server import connect
from bench.cost import SCRIPTS, costs_of

CALLS: Final = 2_000
SELF_TIMES: Final = """
SELECT funcname, calls, self_time, total_time
FROM pg_stat_user_functions
WHERE calls > 0
ORDER BY self_time DESC
"""


def main(names: list[str]) -> int:
    """Print the profile of each operation; 2 if there is no such one."""
    unknown = [name for name in names if name not in SCRIPTS]
    if unknown or not names:
        print(f"profile what? one or more of: {', '.join(SCRIPTS)}", file=sys.stderr)
        return 2
    with running(QUICK, lambda step: print(step, file=sys.stderr)) as run:
        run.effort = Effort(rounds=1, calls=CALLS)
        for name in names:
            url = run.server.book(f"profile_{names.index(name)}")
            plain = costs_of(run, url, {name: SCRIPTS[name]})[name]
            with connect(url) as connection:
                connection.execute("ALTER SYSTEM SET track_functions = 'all'")
                connection.execute("SELECT pg_reload_conf()")
            with connect(url) as connection:
                connection.execute("SELECT pg_stat_reset()")
                counted = costs_of(run, url, {name: SCRIPTS[name]})[name]
                _print(connection, name, plain, counted)
                connection.execute("ALTER SYSTEM RESET track_functions")
                connection.execute("SELECT pg_reload_conf()")
    return 0


def _print(connection: psycopg.Connection, name: str, plain: float, counted: float) -> None:
    print(f"{name}: {plain:.0f} us of CPU a call, {counted:.0f} us while its functions are counted")
    print(f"{'function':28}{'calls':>8}{'own us':>9}{'total us':>10}   by call of itself")
    for function, calls, own, total in connection.execute(SELF_TIMES):
        print(f"{function:28}{calls:>8}{own / calls * 1000:>9.1f}{total / calls * 1000:>10.1f}")
    print()
