"""What a phone number says of itself, once it is spelt E.164."""

import re

# France and its overseas départements: mobile numbers begin with 6 or 7 after the country's code.
_LANDLINE = re.compile(r"\+(?:33|262|590|594|596)[1-589]")


def can_be_texted(number: str) -> bool:
    """False for "" and for a landline of ours; elsewhere the number does not tell."""
    return bool(number) and not _LANDLINE.match(number)
