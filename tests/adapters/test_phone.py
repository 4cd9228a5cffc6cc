import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.phone import e164, spoken


@pytest.mark.parametrize(
    "typed",
    ["+33639980001", "0639980001", "06 39 98 00 01", "06.39.98.00.01", "06-39-98-00-01", "0033639980001",
     "00 33 6 39 98 00 01", "+33 (0)6 39 98 00 01", "+33 6 39 98 00 01", " 0639980001 ", "tel:+33639980001",
     "٠٦٣٩٩٨٠٠٠١", "０６３９９８０００１", "06\u00a039\u00a098\u00a000\u00a001", "33639980001"],
)  # fmt: skip
def test_it_reads_every_spelling_of_one_number(typed: str) -> None:
    assert e164(typed) == "+33639980001"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        pytest.param("+380 50 123 4567", "+380501234567", id="Ukraine"),
        pytest.param("+212 650-123456", "+212650123456", id="Morocco"),
        pytest.param("+262 692 12 34 56", "+262692123456", id="La Réunion"),
    ],
)
def test_it_reads_numbers_of_other_places(typed: str, number: str) -> None:
    assert e164(typed) == number


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "abc", "12", "3114", "112", "0639", "06 39 98 00 0", "06 39 98 00 01 02", "+336399800011234567",
     "+", "+33", "claire@example.org", "0000000000", "\x00", "\udc80"],
)  # fmt: skip
def test_it_refuses_what_is_no_number(typed: str) -> None:
    assert e164(typed) is None


@given(st.text(max_size=30))
def test_it_reads_any_text_and_spells_numbers_one_way(typed: str) -> None:
    found = e164(typed)
    assert found is None or e164(found) == found


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("+33639980001", "06 39 98 00 01"),
        ("+33939980079", "09 39 98 00 79"),
        ("MGc6fe187239dd5d8ff41c36dc0c9397ba", "MGc6fe187239dd5d8ff41c36dc0c9397ba"),
        ("", ""),
    ],
)
def test_it_writes_a_number_as_people_read_it(number: str, read: str) -> None:
    assert spoken(number) == read
