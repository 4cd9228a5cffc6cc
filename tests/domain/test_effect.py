"""Shares and differences, against the tables that statisticians published."""

from datetime import date

import pytest

from gateway.domain.effect import Comparison, Finding, Share, Tally, last_months, total


def compared(ours: tuple[int, int], theirs: tuple[int, int]) -> Comparison:
    return Comparison("invitation", "invitation", Share(*ours), Share(*theirs))


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0000),  # as 0 of 20, turned
    ],
)
def test_it_tells_where_a_share_lies(part: int, whole: int, low: float, high: float) -> None:
    assert Share(part, whole).interval == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_it_tells_where_a_difference_lies(
    ours: tuple[int, int], theirs: tuple[int, int], low: float, high: float
) -> None:
    assert compared(ours, theirs).interval == pytest.approx((low, high), abs=1e-4)
    turned = compared(theirs, ours).interval
    assert turned == pytest.approx((-high, -low), abs=1e-4)


@pytest.mark.parametrize(
    ("ours", "theirs", "finding"),
    [
        ((60, 100), (35, 100), Finding.HELPS),
        ((35, 100), (60, 100), Finding.HARMS),
        ((52, 100), (50, 100), Finding.CHANCE),
        ((0, 100), (0, 100), Finding.CHANCE),
        ((90, 100), (0, 19), Finding.TOO_FEW),
        ((19, 19), (0, 100), Finding.TOO_FEW),
        ((18, 20), (0, 20), Finding.HELPS),
        ((0, 0), (9, 30), Finding.TOO_FEW),
    ],
)
def test_it_concludes_only_what_numbers_allow(
    ours: tuple[int, int], theirs: tuple[int, int], finding: Finding
) -> None:
    assert compared(ours, theirs).finding is finding


def test_it_knows_nothing_of_nobody() -> None:
    nobody = compared((0, 0), (3, 10))
    assert nobody.nudged.rate is None
    assert nobody.nudged.interval == (0, 1)
    assert nobody.difference is None
    assert nobody.interval == (-1, 1)


def test_it_adds_kinds_together() -> None:
    found = [
        Tally("morning", "appointment", 3, said=4, ripe=2, acted=1),
        Tally("contract", said=1, segments=2),
    ]
    assert total(found) == Tally(said=5, ripe=2, acted=1, segments=2)
    assert total([]) == Tally()


@pytest.mark.parametrize(
    ("today", "count", "first", "last"),
    [
        ("2026-11-23", 12, "2025-12-01", "2026-12-01"),
        ("2026-12-31", 12, "2026-01-01", "2027-01-01"),
        ("2027-01-01", 2, "2026-12-01", "2027-02-01"),
    ],
)
def test_it_goes_back_over_the_months(today: str, count: int, first: str, last: str) -> None:
    days = last_months(date.fromisoformat(today), count)
    assert (str(days[0]), str(days[-1])) == (first, last)
    assert len(days) == count + 1
    assert all(day.day == 1 for day in days)
