import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.encryption import Cipher, new_key
from gateway.errors import NotReady
from tests.usecases.fakes import AMINA_PHONE

OLD, NEW = new_key(), new_key()
CIPHER = Cipher(OLD)
SEALED = CIPHER.seal("secret")


@given(st.text())
def test_it_opens_what_it_sealed(text: str) -> None:
    assert CIPHER.open(CIPHER.seal(text)) == text


def test_it_opens_json_with_every_letter() -> None:
    data = {"rest": "Être là 👍 مرحبا", "menu": [["1", "RSA", "/x"]]}
    assert CIPHER.open_json(CIPHER.seal_json(data)) == data


def test_it_opens_nothing_as_nothing() -> None:
    assert CIPHER.open(None) == ""
    assert CIPHER.open_json(None) == {}


def test_it_shows_nothing_of_what_it_sealed() -> None:
    sealed = CIPHER.seal(AMINA_PHONE)
    assert AMINA_PHONE.encode() not in sealed
    assert sealed != CIPHER.seal(AMINA_PHONE)  # the same number never looks the same


def test_it_finds_an_address_again() -> None:
    assert CIPHER.index(AMINA_PHONE) == Cipher(OLD).index(AMINA_PHONE)
    assert CIPHER.index(AMINA_PHONE) != CIPHER.index("+33639980002")
    assert len(CIPHER.index(AMINA_PHONE)) == 64
    assert AMINA_PHONE[3:] not in CIPHER.index(AMINA_PHONE)


def test_it_makes_an_index_that_nobody_can_make_without_the_key() -> None:
    assert Cipher(NEW).index(AMINA_PHONE) != CIPHER.index(AMINA_PHONE)


def test_it_keeps_its_index_and_reads_the_past_when_keys_rotate() -> None:
    rotated = Cipher(f"{NEW},{OLD}")
    assert rotated.open(CIPHER.seal("avant")) == "avant"
    assert rotated.index(AMINA_PHONE) == CIPHER.index(AMINA_PHONE)


def test_it_seals_with_the_newest_key() -> None:
    sealed = Cipher(f"{NEW},{OLD}").seal("après")
    assert Cipher(NEW).open(sealed) == "après"
    with pytest.raises(InvalidToken):
        Cipher(OLD).open(sealed)


def test_it_keeps_its_index_when_the_last_key_is_gone() -> None:
    rotated = Cipher(f"{NEW},index:{OLD}")
    assert rotated.index(AMINA_PHONE) == CIPHER.index(AMINA_PHONE)
    with pytest.raises(InvalidToken):
        rotated.open(SEALED)  # an index key opens nothing
    assert Cipher(f"index:{OLD},{NEW}").index(AMINA_PHONE) == CIPHER.index(AMINA_PHONE)


def test_it_seals_anew_with_the_newest_key() -> None:
    rotated = Cipher(f"{NEW},{OLD}")
    assert not rotated.is_newest(SEALED)
    again = rotated.reseal(SEALED)
    assert rotated.is_newest(again)
    assert Cipher(NEW).open(again) == "secret"
    with pytest.raises(InvalidToken):
        Cipher(NEW).reseal(SEALED)


def test_it_keeps_what_has_no_date_without_a_date() -> None:
    again = Cipher(f"{NEW},{OLD}").reseal(CIPHER.seal_undated("secret"))
    assert Fernet(NEW).extract_timestamp(again) == 0


def test_it_opens_nothing_with_a_wrong_key() -> None:
    with pytest.raises(InvalidToken):
        Cipher(NEW).open(CIPHER.seal("secret"))


@pytest.mark.parametrize(
    "changed", [b'"x"', SEALED[:20], SEALED[:-1], SEALED[:30] + bytes([SEALED[30] ^ 1]) + SEALED[31:]]
)
def test_it_opens_nothing_that_was_changed(changed: bytes) -> None:
    with pytest.raises(InvalidToken):
        CIPHER.open(changed)


@pytest.mark.parametrize(
    "keys",
    [
        "",
        " , ",
        "abc",
        "é",
        f"{OLD},abc",
        OLD[:-4],
        "x" * 44,
        f"index:{OLD}",
        f"{NEW},index:abc",
        f"{NEW},index:{OLD},index:{NEW}",
    ],
)
def test_it_refuses_keys_that_are_none_with_one_sentence(keys: str) -> None:
    with pytest.raises(NotReady, match="SECRET_KEYS"):
        Cipher(keys)


def test_it_forgives_spaces_between_keys() -> None:
    assert Cipher(f" {NEW} , {OLD} ").open(CIPHER.seal("a")) == "a"
