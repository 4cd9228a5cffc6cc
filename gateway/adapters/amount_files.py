"""The figures that answers may say, each with its reference and its dates, read from bot/amounts.yml."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml
from babel.numbers import format_decimal


@dataclass(frozen=True)
class Amount:
    """`since` and `valid_until`: first and last day on which it is said, ISO."""

    name: str
    value: Decimal
    since: str
    valid_until: str
    checked_on: str
    reference: str
    url: str

    def valid(self, day: str) -> bool:
        return self.since <= day <= self.valid_until

    def written(self, locale: str) -> str:
        """651,69 or 651.69, always in the digits of a phone; no sign between thousands: 1.041 is not 1041."""
        pattern = "0" if self.value == self.value.to_integral_value() else "0.00"
        return str(format_decimal(self.value, pattern, locale, group_separator=False))


def read_amounts(path: Path) -> dict[str, Amount]:
    """Every amount by its name, the one that stands between braces; none when there is no such file."""
    raw = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) if path.exists() else None
    return {
        name: Amount(
            name,
            Decimal(str(about["value"])),
            about["from"],
            about["valid_until"],
            about["checked_on"],
            about["reference"],
            about["url"],
        )
        for name, about in (raw or {}).items()
    }
