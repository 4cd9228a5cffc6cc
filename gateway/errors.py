"""Everything that can go wrong on purpose, and what happens next.

GatewayError
├── Refused              say why to whoever asked; nothing is stored
│   ├── BadSignature     403: not from the carrier
│   ├── BadForm          400: a field is missing
│   ├── TooLong          413: no more is read of it
│   └── TooMany          429: from one place, more than people do; in a minute it is taken again
├── AssistantSilent      try again, then the fixed sentence and a person who calls back
├── SendFailed           the carrier refuses this text for good: it is given up, and shown
│   ├── SendLater        passing (429, our own account refused): try again later
│   ├── SendUnsure       accepted or not, nobody knows (5xx, time-out): look at the carrier's list first
│   ├── NotTaken         a nudge that surely did not leave: all is checked anew before it is said
│   ├── NumberUnreachable permanent: stop writing there, tell the referent
│   └── OptedOut         permanent: she stopped the messages at the carrier
├── QueueAway            the doorbell is down: whoever sweeps finds the job within a second
├── ChangedMeanwhile     somebody else took that time or moved that appointment: decide the turn anew
├── MailLater            the mail server is away: try again later, for three days
├── MailRefused          it refuses this mail for good: it is given up, and logged by its template and id
├── CalendarError        her own calendar, by CalDAV: tell the referent, read it again in a quarter of an hour
│   ├── CalendarAway     it does not answer, or with nonsense: it may come back by itself
│   └── CalendarRefused  wrong address or password: only she can change that
├── ToolFailed           RDV Service Public gives no link to book there: her referent will
│   ├── ToolAway         it does not answer, or with nonsense: ask again later
│   └── ToolRefused      not configured, wrong password, somebody it does not know: tell the team
├── SignInRefused        ProConnect is away, or its answer proves nothing: she may sign in by mail
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


class TooLong(Refused):
    status = 413


class TooMany(Refused):
    status = 429


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


class NotTaken(SendFailed):
    pass


class NumberUnreachable(SendFailed):
    pass


class OptedOut(SendFailed):
    pass


class QueueAway(GatewayError):
    pass


class ChangedMeanwhile(GatewayError):
    pass


class MailLater(GatewayError):
    pass


class MailRefused(GatewayError):
    """Its message says why, without the address."""


class CalendarError(GatewayError):
    """Its message says why, without the address."""


class CalendarAway(CalendarError):
    pass


class CalendarRefused(CalendarError):
    pass


class ToolFailed(GatewayError):
    """Its message says why, without a name or a token."""


class ToolAway(ToolFailed):
    pass


class ToolRefused(ToolFailed):
    pass


class SignInRefused(GatewayError):
    """Its message says why, without a name or a token."""


class BadRow(GatewayError):
    """`line` counts from 1, the header included."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"ligne {line} : {reason}")
        self.line = line
        self.reason = reason


class NotReady(GatewayError):
    """One sentence, for the person at the keyboard."""
