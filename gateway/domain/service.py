"""A local service that can help, and which ones to show her first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

SHOWN = 3
FRESH = timedelta(days=730)  # a description that nobody has touched for two years is not said


@dataclass(frozen=True)
class Service:
    """What we use of a data·inclusion service and its structure. `zones`: INSEE or SIREN codes, "france"."""

    id: str
    name: str
    structure: str = ""
    thematiques: tuple[str, ...] = ()
    phone: str = ""
    hours: str = ""  # OSM opening hours
    commune: str = ""  # INSEE code of where it is
    address: str = ""
    zones: tuple[str, ...] = ()
    remote: bool = False
    in_person: bool = True
    by_users: bool = True  # she may call it herself
    updated_on: date = date.min
    fictional: bool = False


@dataclass(frozen=True)
class Wanted:
    """What she needs and from where. `zones`: codes of every place that holds her commune, hers first.

    `neighbours`: communes that she can reach; `still`: she has no way to travel far.
    """

    thematiques: tuple[str, ...]
    today: date
    commune: str = ""
    zones: tuple[str, ...] = ()
    neighbours: frozenset[str] = frozenset()
    still: bool = False


def suitable(services: Iterable[Service], wanted: Wanted) -> Sequence[Service]:
    """Three at most: open to her, described lately, reachable; the nearest first, then the freshest."""
    fitting = [s for s in services if _fits(s, wanted)]
    fitting.sort(key=lambda s: (_distance(s, wanted), -s.updated_on.toordinal(), s.id))
    return fitting[:SHOWN]


def _fits(service: Service, wanted: Wanted) -> bool:
    if not service.by_users or wanted.today - service.updated_on > FRESH:
        return False
    if not set(service.thematiques) & set(wanted.thematiques):
        return False
    if service.zones and not set(service.zones) & {"france", *wanted.zones}:
        return False
    far = _distance(service, wanted) == _FAR
    return service.remote if far and (wanted.still or not service.zones) else True


_HERE, _NEAR, _REMOTE, _FAR = range(4)


def _distance(service: Service, wanted: Wanted) -> int:
    if service.in_person and service.commune and service.commune == wanted.commune:
        return _HERE
    if service.in_person and service.commune in wanted.neighbours:
        return _NEAR
    return _REMOTE if service.remote else _FAR
