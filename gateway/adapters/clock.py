"""The time: the machine's in production, movable in the demonstration."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class MovableClock:
    """Runs on from wherever it was put, also after a restart: its offset is kept in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        kept = json.loads(file.read_text()) if file.exists() else {}
        self._offset = timedelta(seconds=kept.get("offset_seconds", 0.0))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move_to(self, moment: datetime) -> None:
        self._offset = moment - datetime.now(UTC)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps({"offset_seconds": self._offset.total_seconds()}))

    def advance(self, by: timedelta) -> None:
        self.move_to(self.now() + by)
