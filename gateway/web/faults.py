"""What is wrong, in words: what it is, what to do, and where docs/exploitation.md says more."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from gateway.domain.running import Fault


@dataclass(frozen=True)
class Words:
    """`see`: a line of the table « Les pannes » of docs/exploitation.md."""

    name: str
    well: str
    wrong: str
    do: str
    see: str


def _read() -> Mapping[Fault, Words]:
    found = yaml.safe_load(Path(__file__).with_name("faults.yml").read_text(encoding="utf-8"))
    return {fault: Words(**found[fault.value]) for fault in Fault}


FAULTS = _read()
