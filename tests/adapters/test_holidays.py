from datetime import date

import pytest

from gateway.adapters.holidays import french_holidays


def test_it_knows_the_eleven_days_of_each_year() -> None:
    days = french_holidays([2026, 2027], "79")
    assert len(days) == 22
    for day in ("2026-05-01", "2026-07-14", "2026-12-25", "2027-01-01"):
        assert date.fromisoformat(day) in days


@pytest.mark.parametrize("day", ["2026-04-06", "2026-05-14", "2026-05-25", "2027-03-29", "2027-05-06"])
def test_it_follows_easter(day: str) -> None:
    assert date.fromisoformat(day) in french_holidays([2026, 2027], "79")


def test_it_knows_that_some_departements_have_more() -> None:
    good_friday, abolition = date(2026, 4, 3), date(2026, 12, 20)
    assert good_friday in french_holidays([2026], "67")
    assert good_friday in french_holidays([2026], "57")
    assert good_friday not in french_holidays([2026], "79")
    assert abolition in french_holidays([2026], "974")
    assert french_holidays([2026], "2A") == french_holidays([2026], "79")
