"""The page and the picture of a rising load: docs/load.md, docs/load.png."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench._report import FOLDER
from bench._wishes import GROUPS, MIX

DOCS: Final = Path("docs")
QUIET_MS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process and one database could do at most, in the same run, a second."""

    noop: float
    holds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rate that was offered, and what became of it, a second. `times` in milliseconds, by kind."""

    offered: float
    done: float
    in_time: float
    refused: float
    failed: float
    late_ms: float
    times: dict[str, list[float]]
    refusal_ms: list[float]
    paid: float
    granted: float
    waiting: int
    """Notices that no worker had handled at its end."""
    faults: tuple[str, ...] = ()

    def percentile(self, group: str, percent: int) -> float:
        """So many in a hundred of a group of doors were answered in so many milliseconds."""
        return percentile([each for kind in GROUPS[group] for each in self.times.get(kind, ())], percent)


def percentile(times: Sequence[float], percent: int) -> float:
    """So many in a hundred took at most this long; 0 of none."""
    in_order = sorted(times)
    return in_order[min(len(in_order) - 1, len(in_order) * percent // 100)] if in_order else 0.0


def knee(steps: Sequence[Step], *, kept_up: float) -> Step:
    """The highest rate at which what was offered was done in time; the best step if there is none."""
    well = [step for step in steps if step.in_time >= kept_up * step.offered]
    return max(well or steps, key=lambda step: step.in_time)


def write(
    steps: Sequence[Step], knee: Step, again: Step, limits: Limits, *, quick: bool
) -> tuple[Path, Path]:
    """Write the page and the picture; beside the other results if it was a quick run."""
    folder = FOLDER if quick else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    page, picture = folder / "load.md", folder / "load.png"
    page.write_text(_page(steps, knee, again, limits))
    _draw(sorted(steps, key=lambda step: step.offered), knee, picture)
    return page, picture


def _page(steps: Sequence[Step], knee: Step, again: Step, limits: Limits) -> str:
    peak = max(step.in_time for step in steps)
    worst = min((step.in_time for step in steps if step.offered > 1.2 * knee.offered), default=peak)
    mix = ", ".join(f"{kind} {share:g} %" for kind, share in MIX.items())
    refused = percentile([each for step in steps for each in step.refusal_ms], 50)
    rows = "\n".join(_row(step) for step in [*sorted(steps, key=lambda step: step.offered), again])
    groups = " | ".join(f"{group} p50 / p99" for group in GROUPS)
    rule = "| " + "--- | " * (7 + len(GROUPS))
    return f"""# How much one of each can do

Written by `python -m bench load` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores that everything
shared: one API process, one worker, one PostgreSQL with its defaults (fsync on), Redis, the pretend
Stripe, a devnet, and the process that asks. {_busy(steps)}

Requests come at moments that were drawn beforehand, whatever has become of those before (an open
loop), and a latency begins at the moment that was drawn: a pause of the service is felt by everybody
who came meanwhile. A third of the purchases are paid, on both rails, and settled by the worker. The mix:
{mix}.

![throughput and latency against the rate that is offered](load.png)

- **The knee** is at **{knee.in_time:.0f} requests a second**, the highest rate of which 95 in 100
  were done within 2 s. That is {knee.in_time / limits.noop:.2f} of what the smallest FastAPI endpoint
  answers under the same server settings with nothing else running ({limits.noop:,.0f}/s), and
  {knee.in_time / limits.holds:.2f} of the holds that `pgbench` places in the same PostgreSQL
  ({limits.holds:,.0f}/s).
- **Past the knee**, at up to three times of it, at least {worst / peak:.0%} of the peak of
  {peak:.0f}/s was still done in time. What is too much is refused with a 503 that says that nothing
  was done, in {refused:.0f} ms (p50): docs/decisions/0037.
- **Afterwards**, at half the knee, {again.in_time / again.offered:.0%} was done in time again.

A second, and in milliseconds; the last line is what was offered after the worst:

| offered | in time | refused | failed | paid | granted | notices waiting | {groups} |
{rule.strip()}
{rows}

*Notices waiting* are webhooks that are kept and not yet handled when a step ends: while they stay few,
the worker keeps up.
"""


def _busy(steps: Sequence[Step]) -> str:
    """A word of warning if others worked on the machine: the sender cannot be late by itself so early."""
    late = steps[0].late_ms
    if late < QUIET_MS:
        return "The ratios outlive the machine."
    return (
        f"**The machine was busy with other work** (at the first step the sender itself was {late:.0f} ms\n"
        "late, p99): the figures are provisional: run it again on a quiet machine."
    )


def _row(step: Step) -> str:
    latencies = " | ".join(
        f"{step.percentile(group, 50):.0f} / {step.percentile(group, 99):.0f}" for group in GROUPS
    )
    return (
        f"| {step.offered:.0f} | {step.in_time:.0f} | {step.refused:.0f} | {step.failed:.1f}"
        f" | {step.paid:.1f} | {step.granted:.1f} | {step.waiting} | {latencies} |"
    )


def _draw(steps: Sequence[Step], knee: Step, path: Path) -> None:
    # Slow to import, and only this needs it.
    from matplotlib import figure

    drawn = figure.Figure(figsize=(12, 4.2), layout="constrained", facecolor="white")
    rates, middles, slowest = drawn.subplots(1, 3)
    offered = [step.offered for step in steps]
    rates.plot(offered, offered, "k:", label="offered")
    rates.plot(offered, [step.in_time for step in steps], "o-", label="done within 2 s")
    rates.plot(offered, [step.refused for step in steps], "s-", label="refused (503)")
    rates.plot(offered, [step.failed for step in steps], "x-", label="failed")
    rates.set_title("throughput, a second")
    rates.legend(fontsize="small")
    for plot, percent in ((middles, 50), (slowest, 99)):
        for group in GROUPS:
            times = [max(1.0, step.percentile(group, percent)) for step in steps]
            plot.plot(offered, times, "o-", label=group, markersize=3)
        plot.set_title(f"latency p{percent}, ms")
        plot.set_yscale("log")
    middles.legend(fontsize="small")
    for plot in (rates, middles, slowest):
        plot.axvline(knee.offered, color="grey", linestyle="--", linewidth=1)
        plot.set_xlabel("offered, requests a second")
        plot.grid(alpha=0.3)
    drawn.savefig(path, dpi=100)
