"""Where people live overseas, their clock is another one."""

from zoneinfo import ZoneInfo

_OVERSEAS = {
    "971": "America/Guadeloupe", "972": "America/Martinique", "973": "America/Cayenne", "974": "Indian/Reunion",
    "975": "America/Miquelon", "976": "Indian/Mayotte", "977": "America/St_Barthelemy", "978": "America/Marigot",
    "986": "Pacific/Wallis", "987": "Pacific/Tahiti", "988": "Pacific/Noumea",
}  # fmt: skip


def zone_of(postal_code: str, usual: ZoneInfo) -> ZoneInfo:
    """The time zone of a postal code; `usual` when it says nothing."""
    found = _OVERSEAS.get(postal_code[:3])
    return ZoneInfo(found) if found else usual
