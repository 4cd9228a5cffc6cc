"""A time slot being chosen: what was offered, what she wishes. Kept with where she stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.wishes import Wishes


@dataclass(frozen=True)
class Choosing:
    """Time slots on her screen. `seen`: all that was offered until now (referent, moment), so that "others" are others.

    `moving`: the appointment that the new one will replace, and the `sequence` that she saw; 0 when there is none.
    """

    referents: tuple[int, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)
    seen: tuple[tuple[int, datetime], ...] = ()
    moving: int = 0
    sequence: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "referents": list(self.referents),
            "wishes": self.wishes.to_json(),
            "seen": [[who, at.isoformat()] for who, at in self.seen],
            "moving": self.moving,
            "sequence": self.sequence,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Choosing | None":
        if not data:
            return None
        return cls(
            referents=tuple(data["referents"]),
            wishes=Wishes.from_json(data["wishes"]),
            seen=tuple((who, datetime.fromisoformat(at)) for who, at in data["seen"]),
            moving=data["moving"],
            sequence=data["sequence"],
        )
