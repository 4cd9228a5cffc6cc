"""`./run check` says which packages have a known hole; where nobody can be asked it says so, and is not red for that."""

import json
from argparse import Namespace
from collections.abc import Sequence

import pytest

from gateway.commands import check, known_holes
from gateway.commands.known_holes import NobodyToAsk, holes

SOUND = {"name": "fastapi", "version": "0.165.0", "vulns": []}
HOLED = {"name": "jinja2", "version": "3.1.5", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.1.6"]}]}
HOPELESS = {"name": "twilio", "version": "9", "vulns": [{"id": "GHSA-1", "fix_versions": []}]}
UNKNOWN = {"name": "babel", "skip_reason": "not found"}


def said(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_it_says_where_each_hole_is_mended() -> None:
    assert holes(said(SOUND, UNKNOWN, HOLED, HOPELESS)) == [
        "jinja2 3.1.5 : PYSEC-2026-1, réparé dans 3.1.6",
        "twilio 9 : GHSA-1, réparé dans aucune version encore",
    ]
    assert holes(said(SOUND)) == []


@pytest.mark.parametrize("answer", ["", "{}", "[]", "Traceback", said(), said(UNKNOWN)])
def test_it_believes_no_silence(answer: str) -> None:
    with pytest.raises(NobodyToAsk):
        holes(answer)


def away() -> Sequence[str]:
    raise NobodyToAsk(known_holes.NOBODY)


@pytest.mark.parametrize(
    ("step", "code", "told"),
    [
        (lambda: [], 0, "bon"),
        (lambda: ["jinja2 3.1.5 : PYSEC-2026-1"], 1, "À CORRIGER"),
        (away, 0, "passé : la liste des failles n'est pas joignable d'ici."),
    ],
    ids=["sound", "holed", "nobody-to-ask"],
)
def test_it_is_red_for_a_hole_alone(
    step: object, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "_code", lambda: [("failles connues", step)])
    monkeypatch.setattr(check, "_content", list)
    assert check.run(Namespace(content=False)) == code
    assert told in capsys.readouterr().out
