"""A small disk, to be filled."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(where: Path, megabytes: int) -> Iterator[Path]:
    """Skips the test where nobody may mount one."""
    where.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(where)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no small disk without the right to mount one: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Leaves this many bytes free. The file to remove for more room."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    # Somebody else may write meanwhile: then it is full a little sooner.
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        file.write(b"\0" * max(0, free - leave))
    return ballast
