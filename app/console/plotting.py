"""What a chart draws: numbers in whole units, days as seconds."""

from datetime import UTC, datetime, time
from typing import Any

from office.dashboard import Daily


def plotted(daily: Daily) -> dict[str, Any]:
    """A measure as the script of the charts reads it; the exact amounts stand in the table."""
    return {
        "x": [int(datetime.combine(day, time(), UTC).timestamp()) for day in daily.days],
        "series": [
            {"label": each.label, "values": [float(value.decimal()) for value in each.values]}
            for each in daily.series
        ],
        "unit": daily.series[0].values[0].asset.code if daily.series else "",
        "time": True,
    }
