"""Opening hours in her language, or not at all."""

import pytest

from gateway.adapters.opening_hours import in_words


@pytest.mark.parametrize(
    ("hours", "locale", "said"),
    [
        ("Mo-Fr 09:00-12:30; PH off", "fr_FR", "lun.-ven. 9:00-12:30"),
        ("Mo,Th 09:00-12:00,14:00-17:00", "fr_FR", "lun., jeu. 9:00-12:00, 14:00-17:00"),
        ("Mo-Fr 09:00-12:00; Sa 10:00-12:00", "en", "Mon-Fri 9:00-12:00, Sat 10:00-12:00"),
        ("Tu 14:00-18:00", "uk", "вт 14:00-18:00"),
        ("week 1-53/2 Fr 09:00-12:00", "fr_FR", ""),
        ('Mo-Fr "sur rendez-vous"', "fr_FR", ""),
        ("", "fr_FR", ""),
    ],
)
def test_it_reads_days_and_hours_and_nothing_else(hours: str, locale: str, said: str) -> None:
    assert in_words(hours, locale) == said
