"""Phone numbers as one spelling, E.164, whatever was typed."""

import phonenumbers

# The fiction range that Arcep keeps for films and tests: phonenumbers calls it possible, not valid.
_FICTION = "+3363998"


def e164(typed: str, region: str = "FR") -> str | None:
    """`06 39 98 00 01`, `0033639980001`, `+33 6…` → `+33639980001`; None when it is no number."""
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException:
        return None
    spelled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if phonenumbers.is_valid_number(number):
        return spelled
    fiction = spelled.startswith(_FICTION) and phonenumbers.is_possible_number(number)
    return spelled if fiction else None


def spoken(number: str) -> str:
    """`+33939980079` → `09 39 98 00 79`: as people read it."""
    try:
        parsed = phonenumbers.parse(number, "FR")
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
