"""Whose clock is not that of Paris."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.time_zone import zone_of

PARIS = ZoneInfo("Europe/Paris")
WINTER, SUMMER = datetime(2026, 11, 23, 12, 0, tzinfo=UTC), datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("postal_code", "winter", "summer"),
    [
        ("79000", 1, 2),
        ("20200", 1, 2),  # Corsica
        ("98000", 1, 2),  # Monaco
        ("97110", -4, -4),  # Guadeloupe
        ("97133", -4, -4),  # Saint-Barthélemy
        ("97150", -4, -4),  # Saint-Martin
        ("97200", -4, -4),  # Martinique
        ("97300", -3, -3),  # Guyane
        ("97400", 4, 4),  # La Réunion
        ("97500", -3, -2),  # Saint-Pierre-et-Miquelon
        ("97600", 3, 3),  # Mayotte
        ("98600", 12, 12),  # Wallis-et-Futuna
        ("98714", -10, -10),  # Tahiti
        ("98800", 11, 11),  # Nouvelle-Calédonie
    ],
)
def test_it_knows_the_clocks_overseas(postal_code: str, winter: int, summer: int) -> None:
    zone = zone_of(postal_code, PARIS)
    for moment, hours in ((WINTER, winter), (SUMMER, summer)):
        assert moment.astimezone(zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("postal_code", ["", "97", "9", "79000", "1234", "inconnu"])
def test_it_is_the_usual_one_for_all_the_others(postal_code: str) -> None:
    assert zone_of(postal_code, PARIS) is PARIS
