"""A year of two thousand people, the product under a judge that knows the calendar and what happened, and nothing else.

Half of them live in each of two processes. By hand: `python -m tests.year 7 1000` (a seed, how many people).
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.settings import ROOT
from tests.year.__main__ import Year

SEEDS, PEOPLE = (20261123, 20270328), 1000
# So that no rule is kept for want of anything to break it with. In all, over both halves.
AT_LEAST = {
    "texts": {
        "two_days": 700, "morning": 1500, "afterwards": 1500, "documents": 300, "invitation": 150, "invitation_again": 180,
        "noshow": 200, "obstacle": 500, "declaration": 500, "contract": 200, "unfinished": 120, "campaign": 2500,
    },
    "owed": {"noshow, told in the end": 50, "invitation_again, told in the end": 20, "contract, told in the end": 20},
    "happened": {
        "people": 2000, "appointments": 2000, "appointments noshow": 250, "appointments excused": 120,
        "appointments revoked": 50, "texts before a day or an hour of rest": 200, "texts overseas": 800, "stops": 120,
        "topics stopped": 150, "hours chosen": 100, "numbers dead": 20, "numbers nobody": 20, "numbers another": 8,
        "dangers": 60, "taken over": 50, "messages of hers": 2000, "campaigns stopped": 2, "deaths of the worker": 60,
        "troubles of the carrier": 40, "clock put back": 2,
    },
    "let_go": {"morning: stopped": 20, "two_days: topic_off": 3, "campaign: no_longer_true": 50},
}  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def years() -> Iterator[list[Year]]:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.year", str(seed), str(PEOPLE)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for seed in SEEDS
    ]  # fmt: skip
    try:
        ended = [one.communicate() for one in running]
    finally:
        for one in running:
            one.kill()
    for out, errors in ended:
        assert out, errors
    yield [Year(**json.loads(out)) for out, _ in ended]


def in_all(years: list[Year], what: str) -> Counter[str]:
    total = Counter[str]()
    for one in years:
        total.update(getattr(one, what))
    return total


def test_it_keeps_its_manners_for_a_year(years: list[Year]) -> None:
    for one in years:
        shown = {rule: [len(where), *where[:5]] for rule, where in one.wrong.items()}
        assert not shown, f"seed {one.seed}: {json.dumps(shown, indent=1, ensure_ascii=False)}"


def test_it_had_something_to_check(years: list[Year], capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, Any] = {what: in_all(years, what) for what in AT_LEAST}
    with capsys.disabled():
        for what, counts in found.items():
            print(f"\n{what}: " + ", ".join(f"{name} {many}" for name, many in sorted(counts.items())))
    few = {
        f"{what}: {name}": found[what][name]
        for what, least in AT_LEAST.items()
        for name, many in least.items()
        if found[what][name] < many
    }
    assert not few
