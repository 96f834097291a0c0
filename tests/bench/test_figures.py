"""A figure says how near it came to its limit, and whether that is near enough."""

import pytest

from bench import Figure


@pytest.mark.parametrize(
    ("figure", "ratio", "reached"),
    [
        (Figure("rate", 8, 60.0, 100.0, goal=0.6), 0.6, True),
        (Figure("rate", 8, 59.0, 100.0, goal=0.6), 0.59, False),
        (Figure("cost", 1, 200.0, 50.0, unit="cpu us"), 0.25, None),
        (Figure("wait", 1, 0.2, unit="ms", goal=0.3), None, True),
        (Figure("wait", 1, 0.4, unit="ms", goal=0.3), None, False),
    ],
)
def test_a_figure_is_judged_by_its_ratio_or_by_itself(
    figure: Figure, ratio: float | None, reached: bool | None
) -> None:
    assert figure.ratio == ratio
    assert figure.reached is reached
