"""atheris on the normaliser, on what a text weighs and on the decoder of the carrier's form: each in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import ROOT

pytest.importorskip("atheris", reason="atheris has no wheel for this machine")

RUNS = 25_000  # five to ten seconds; `python -m tests.attacks.fuzz normaliser -runs=1000000` for a night


def fuzzed(target: str, runs: int, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    options = [f"-runs={runs}", "-seed=79", "-max_len=400", "-timeout=10", f"-artifact_prefix={tmp_path}/"]
    return subprocess.run(
        [sys.executable, "-m", "tests.attacks.fuzz", target, *options],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("target", ["normaliser", "sms-weight", "sms-decoder"])
def test_it_holds_whatever_way_is_found_through_it(target: str, tmp_path: Path) -> None:
    done = fuzzed(target, RUNS, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"Done {RUNS} runs" in done.stderr
    reached = [int(found) for found in re.findall(r"cov: (\d+)", done.stderr)]
    assert reached[-1] > reached[0], "nothing was looked at"
    assert list(tmp_path.iterdir()) == []


def test_it_would_find_a_fault(tmp_path: Path) -> None:
    done = fuzzed("planted", 2_000_000, tmp_path)
    assert done.returncode != 0
    assert "ValueError" in done.stdout + done.stderr
    assert [found.read_bytes()[:4] for found in tmp_path.iterdir()] == [b"FORM"]
