"""French public holidays, Easter's included, by the `holidays` library."""

from collections.abc import Iterable
from datetime import date
from functools import cache

from holidays import country_holidays

# Two more days in Alsace and in Moselle; other dates overseas.
_APART = {"57": "57", "67": "6AE", "68": "6AE"} | {code: code for code in ("971", "972", "973", "974", "976")}


def french_holidays(years: Iterable[int], departement: str) -> frozenset[date]:
    """The days on which a weekly opening is closed. `departement`: its number, "79", "2A", "974"."""
    return frozenset().union(*(_of(year, departement) for year in years))


@cache  # asked for each message of a wave
def _of(year: int, departement: str) -> frozenset[date]:
    return frozenset(country_holidays("FR", subdiv=_APART.get(departement), years=year))
