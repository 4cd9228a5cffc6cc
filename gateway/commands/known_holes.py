"""Known holes of what the gateway is made of, asked of those who keep the list of them, when the network allows it.

What Rasa is made of is left out: its line is closed, nothing of it can be changed, and it listens on loopback alone.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from gateway.settings import ROOT

LOCK = "requirements/gateway.txt"
PATIENCE = 90.0  # seconds: it asks once for each of a hundred packages
NOBODY = "la liste des failles n'est pas joignable d'ici."


class NobodyToAsk(Exception):
    """The check was not made, and nobody is to blame."""


def found() -> Sequence[str]:
    """One line a hole. Raises NobodyToAsk."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--timeout",
        "5",
    ]
    asked = [*command, "--disable-pip", "--require-hashes", "-r", LOCK]
    try:
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise NobodyToAsk(NOBODY) from None
    return holes(done.stdout)


def holes(answer: str) -> Sequence[str]:
    """`answer`: pip-audit's, in JSON; empty when it could not ask. Raises NobodyToAsk."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise NobodyToAsk(NOBODY) from None
    told = [package for package in packages if "vulns" in package]
    if not told:  # a mirror that knows the packages and not their holes
        raise NobodyToAsk(NOBODY)
    return [_line(package["name"], package["version"], hole) for package in told for hole in package["vulns"]]


def _line(name: str, version: str, hole: dict[str, list[str] | str]) -> str:
    mended = ", ".join(hole.get("fix_versions") or ()) or "aucune version encore"
    return f"{name} {version} : {hole['id']}, réparé dans {mended}"
