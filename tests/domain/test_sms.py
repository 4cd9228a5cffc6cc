"""segments.json: 564 messages weighed by Twilio's own sms-segments-calculator 1.3.0 (2026-11), as
`new SegmentedMessage(text)` gives them; units are septets or UTF-16 units, headers left out.
"""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import sms
from gateway.domain.sms import GSM_BASIC, GSM_EXTENDED, Weight, cut, to_gsm7, weigh
from tests.domain.test_text import ANY_TEXT

TWILIO = json.loads((Path(__file__).parent / "segments.json").read_text(encoding="utf-8"))

SMS_TEXT = st.text(
    st.one_of(
        st.sampled_from(sorted(GSM_BASIC | GSM_EXTENDED)),
        st.sampled_from("êçœ’«»…–مرحباїЖ👍🏽\u200d\u0301 .!?\n"),
    ),
    max_size=400,
)
PIECES = [
    "aide ",
    "Le RSA. ",
    "Où ? ",
    "ça ",
    "\n",
    "👍🏽 ",
    "мова ",
    "حقوقك؟ ",
    "1234567890",
    "é" * 40,
    "Oui ! ",
    "a\u0301",
]


@pytest.mark.parametrize("encoding", ["GSM-7", "UCS-2"])
def test_it_weighs_what_twilio_bills(encoding: str) -> None:
    rows = [row for row in TWILIO if row["encoding"] == encoding]
    wrong = [
        (row["text"], ours, billed)
        for row in rows
        if (ours := weigh(row["text"])) != (billed := Weight(encoding, row["units"], row["segments"]))
    ]
    assert wrong == []
    assert len(rows) > 100


def test_it_weighs_nothing_when_there_is_nothing_to_send() -> None:
    assert weigh("") == Weight("GSM-7", 0, 0)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        pytest.param("a" * 160, Weight("GSM-7", 160, 1), id="160 light letters"),
        pytest.param("a" * 161, Weight("GSM-7", 161, 2), id="161"),
        pytest.param("a" * 306, Weight("GSM-7", 306, 2), id="306"),
        pytest.param("a" * 307, Weight("GSM-7", 307, 3), id="307"),
        pytest.param("a" * 159 + "€", Weight("GSM-7", 161, 2), id="a euro counts twice"),
        pytest.param("a" * 152 + "€" + "a" * 152, Weight("GSM-7", 306, 3), id="a euro is never cut in two"),
        pytest.param("é" * 160, Weight("GSM-7", 160, 1), id="é is light"),
        pytest.param("ê" * 70, Weight("UCS-2", 70, 1), id="70 heavy letters"),
        pytest.param("ê" * 71, Weight("UCS-2", 71, 2), id="71"),
        pytest.param("ê" * 134, Weight("UCS-2", 134, 2), id="134"),
        pytest.param("a" * 159 + "ê", Weight("UCS-2", 160, 3), id="one heavy letter makes all heavy"),
        pytest.param("a" * 66 + "👍" + "a" * 66, Weight("UCS-2", 134, 3), id="an emoji is never cut in two"),
    ],
)
def test_it_counts_segments(text: str, weight: Weight) -> None:
    assert weigh(text) == weight


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        pytest.param("é è à ù ì ò É Ç", "é è à ù ì ò É Ç", id="the letters that GSM-7 has"),
        pytest.param("ê ç â î ô û ë ï À È Ê", "e c a i o u e i A E E", id="the letters it has not"),
        pytest.param("œuf, ŒUVRE", "oeuf, OEUVRE", id="œ"),
        pytest.param("C’est l‘aide", "C'est l'aide", id="apostrophes"),
        pytest.param("« Oui » “non”", '" Oui " "non"', id="quotation marks"),
        pytest.param("Attendez… 8 h – 12 h", "Attendez... 8 h - 12 h", id="ellipsis and dash"),
        pytest.param("Vous\u00a0?\u202f!", "Vous ? !", id="narrow and hard spaces"),
        pytest.param("e\u0301ta\u0302t", "état", id="accents written apart"),
        pytest.param("prix : 635,71 €", "prix : 635,71 €", id="euro"),
        pytest.param("niño, São", "niño, Sao", id="Spanish and Portuguese"),
        pytest.param("Țară, Łódź, ış", "Tara, Lodz, is", id="Romanian, Polish, Turkish letters"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_it_makes_a_message_light(written: str, sent: str) -> None:
    assert to_gsm7(written) == sent
    assert weigh(sent).encoding == "GSM-7"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("C’est fait 👍", id="an emoji"),
        pytest.param("Bonjour مريم, ça va", id="an Arabic name"),
        pytest.param("Ça marche, Їванко", id="a Ukrainian name"),
    ],
)
def test_it_spoils_no_letter_when_nothing_is_gained(text: str) -> None:
    assert to_gsm7(text) == text


ONE, TWO = "Le RSA est une aide de l'Etat. ", "Vous pouvez le demander a la CAF."


def test_it_cuts_nothing_that_fits() -> None:
    assert cut(ONE + TWO, 1) == (ONE + TWO, "")


def test_it_cuts_after_a_sentence() -> None:
    text = ONE * 5 + TWO
    head, rest = cut(text, 1)
    assert head == (ONE * 5).strip()
    assert rest == TWO


@pytest.mark.parametrize(
    ("end", "language"),
    [("! ", "French"), ("? ", "French"), ("؟ ", "Arabic"), ("\n", "any"), ("。", "Chinese")],
)
def test_it_knows_the_ends_of_sentences(end: str, language: str) -> None:
    head, rest = cut("ب" * 50 + end + "ت" * 60, 1)
    assert (head, rest) == (("ب" * 50 + end).strip(), "ت" * 60)


def test_it_cuts_after_a_word_when_no_sentence_ends() -> None:
    head, rest = cut("aide " * 60, 1)
    assert head.endswith("aide")
    assert rest.startswith("aide")
    assert len(head) == 159


def test_it_cuts_a_word_that_is_longer_than_all() -> None:
    assert cut("a" * 400, 1) == ("a" * 160, "a" * 240)


def test_it_keeps_room_for_what_comes_after() -> None:
    head, _ = cut(ONE * 12, 2, "\n1 la suite")
    assert weigh(head + "\n1 la suite").segments == 2


@pytest.mark.parametrize("piece", ["Le RSA est une aide. ", "Це гарна новина. ", "aide "])
def test_it_cuts_a_long_text_without_weighing_it_at_every_letter(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[int] = []

    def counted(text: str) -> Weight:
        weighed.append(len(text))
        return weigh(text)

    monkeypatch.setattr(sms, "weigh", counted)
    cut(piece * (1600 // len(piece)), 2, "\n1 la suite")
    assert len(weighed) < 30


def test_it_does_not_cut_at_the_first_words() -> None:
    """ "Oui. " alone would be a poor first half."""
    head, _ = cut("Oui. " + "aide " * 60, 1)
    assert len(head) > 100


@given(ANY_TEXT)
def test_it_weighs_any_text(text: str) -> None:
    weight = weigh(text)
    assert weight.encoding in ("GSM-7", "UCS-2")
    assert weight.units >= len(text)
    assert (weight.segments == 0) is (text == "")


@given(SMS_TEXT, SMS_TEXT)
def test_it_never_weighs_less_for_more_words(text: str, more: str) -> None:
    assert weigh(text + more).segments >= weigh(text).segments


@given(SMS_TEXT)
def test_it_never_makes_a_message_heavier_by_folding_it(text: str) -> None:
    assert weigh(to_gsm7(text)).segments <= weigh(text).segments
    assert to_gsm7(to_gsm7(text)) == to_gsm7(text)


@given(ANY_TEXT)
def test_it_folds_any_text_for_gsm7(text: str) -> None:
    light = to_gsm7(text)
    assert light == text or weigh(light).encoding == "GSM-7"


@given(SMS_TEXT, st.integers(1, 4), st.sampled_from(["", "\n1 la suite", "\n1 далі", "\n1 التالي"]))
def test_it_loses_no_word_in_cutting(text: str, segments: int, reserve: str) -> None:
    head, rest = cut(text, segments, reserve)
    assert _letters(head + rest) == _letters(text)
    if rest:
        assert weigh(head + reserve).segments <= segments


@given(st.lists(st.sampled_from(PIECES), min_size=20, max_size=120).map("".join), st.integers(1, 4))
def test_it_comes_to_an_end_in_cutting(text: str, segments: int) -> None:
    """Saying the rest again and again says everything, in parts that fit."""
    rests, rest = [text], text
    while rest:
        head, rest = cut(rest, segments)
        assert weigh(head).segments <= segments
        rests.append(rest)
    assert all(len(after) < len(before) for before, after in pairwise(rests))


def _letters(text: str) -> str:
    return "".join(text.split())
