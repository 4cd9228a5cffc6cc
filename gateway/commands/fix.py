"""Remet le code en forme."""

import argparse
import subprocess
import sys

from gateway.settings import ROOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    for step in (["check", "--fix", "--quiet", "."], ["format", "--quiet", "."]):
        subprocess.run([sys.executable, "-m", "ruff", *step], cwd=ROOT, check=False)
    return 0
