"""Everything that can go wrong on purpose, and what happens next.

GatewayError
├── Refused              say why to whoever asked; nothing is stored
│   ├── BadSignature     403: not from the carrier
│   └── BadForm          400: a field is missing
├── AssistantSilent      try again, then the fixed sentence and a person who calls back
├── SendFailed           the carrier refuses this text for good: it is given up, and shown
│   ├── SendLater        passing (429, our own account refused): try again later
│   ├── SendUnsure       accepted or not, nobody knows (5xx, time-out): look at the carrier's list first
│   ├── NumberUnreachable permanent: stop writing there, tell the referent
│   └── OptedOut         permanent: she stopped the messages at the carrier
├── MailLater            the mail server is away: try again later
├── BadRow               a line of a CSV is left out, the others are kept
└── NotReady             a setting or a file is missing: say which one, start nothing
"""


class GatewayError(Exception):
    """Root of the tree."""


class Refused(GatewayError):
    status = 400


class BadSignature(Refused):
    status = 403


class BadForm(Refused):
    status = 400


class AssistantSilent(GatewayError):
    """Rasa is down, slow, or answered with nothing."""


class SendFailed(GatewayError):
    """`code` is the carrier's own error code, when it gave one."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"carrier error {code}" if code else "carrier unreachable")
        self.code = code


class SendLater(SendFailed):
    pass


class SendUnsure(SendFailed):
    pass


class NumberUnreachable(SendFailed):
    pass


class OptedOut(SendFailed):
    pass


class MailLater(GatewayError):
    pass


class BadRow(GatewayError):
    """`line` counts from 1, the header included."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"ligne {line} : {reason}")
        self.line = line
        self.reason = reason


class NotReady(GatewayError):
    """One sentence, for the person at the keyboard."""
