"""Every setting, from the environment, with its default and the reason for it."""

from datetime import time
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import NotReady

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """`Settings.read()` reads the environment. Secrets are made at first start by the demonstration."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore")

    database_url: str = Field(default="", description="sqlite:///… or postgresql://… ; empty: SQLite in var/")
    redis_url: str = Field(default="", description="redis:// address; empty: the queue stays in memory")
    rasa_url: str = Field(
        default="",
        description="one or several addresses, comma-separated; empty: Rasa is started on 127.0.0.1:5005",
    )
    public_url: str = Field(
        default="", description="address the carrier knows; signatures are computed on it"
    )
    twilio_account_sid: str = Field(default="", description="Twilio account")
    twilio_auth_token: SecretStr = Field(
        default=SecretStr(""), description="Twilio token: signs what comes in, authenticates what goes out"
    )
    twilio_sender: str = Field(default="", description="our number (+33…) or messaging service (MG…)")
    sms_number: str = Field(
        default="", description="number people text, shown on the page; empty: TWILIO_SENDER"
    )
    twilio_api_url: str = Field(
        default="",
        description="where Twilio's API answers; empty: Twilio, or the simulator in the demonstration",
    )
    twilio_timeout: float = Field(
        default=10.0, description="seconds to wait for Twilio, then the message is 'maybe sent'"
    )
    secret_keys: SecretStr = Field(
        default=SecretStr(""), description="comma-separated Fernet keys: the first encrypts, all decrypt"
    )
    action_token: SecretStr = Field(
        default=SecretStr(""), description="shared with Rasa only: opens /rasa/actions"
    )
    smtp_url: str = Field(
        default="", description="smtp://user:password@host:port; empty: mails wait in the simulator's mailbox"
    )
    mail_from: str = Field(
        default="coup-de-pouce@example.org", description="sender of the mails to referents"
    )
    callback_email: str = Field(
        default="equipe@example.org", description="the team, when no referent is known"
    )
    service_name: str = Field(
        default="Département des Deux-Sèvres", description="who writes, said at first contact"
    )
    proconnect_url: str = Field(
        default="", description="ProConnect's issuer (https://…/api/v2); empty: referents sign in by mail"
    )
    proconnect_client_id: str = Field(default="", description="our name at ProConnect")
    proconnect_client_secret: SecretStr = Field(default=SecretStr(""), description="our secret at ProConnect")
    rdv_service_public_url: str = Field(
        default="", description="https://www.rdv-solidarites.fr or another of its addresses; empty: not used"
    )
    rdv_service_public_secret: SecretStr = Field(
        default=SecretStr(""), description="secret of its webhooks; empty: all of them are refused"
    )
    rdv_service_public_email: str = Field(
        default="", description="an agent there, who asks for the links to book"
    )
    rdv_service_public_password: SecretStr = Field(default=SecretStr(""), description="that agent's password")
    openfisca_url: str = Field(default="", description="OpenFisca's address; not used yet")
    quiet_hours: str = Field(
        default="20:00-08:00",
        description="nothing unasked goes out between these hours, nor on Sundays and public holidays",
    )
    send_rate: float = Field(
        default=1.0, gt=0, description="unasked messages a second and sender; answers never wait"
    )
    control_share: float = Field(
        default=0.0, ge=0, le=0.5,
        description="share of people left without a nudge, to measure what nudges change; 0: none",
    )  # fmt: skip
    messages_a_minute: int = Field(
        default=20, ge=0,
        description="messages of one number that are answered in a minute: nobody types faster; 0: all",
    )  # fmt: skip
    messages_a_day: int = Field(
        default=200, ge=0,
        description="messages of one number that are answered in a day: each answer is paid for; 0: all",
    )  # fmt: skip
    loop_turns: int = Field(
        default=20, ge=0,
        description="turns that repeat themselves before the robot falls silent: two machines would never stop; 0: never",
    )  # fmt: skip
    chat_a_minute: int = Field(
        default=300, ge=0,
        description="messages on the page from one address in a minute: a whole media library has one; 0: all",
    )  # fmt: skip
    sign_ins_a_minute: int = Field(
        default=30, ge=0,
        description="sign-ins from one address in a minute: a whole office has one, and arrives at nine; 0: all",
    )  # fmt: skip
    mistakes_a_minute: int = Field(
        default=600, ge=0,
        description="wrong signatures, links and tokens from one address in a minute, then 429; 0: all are told why",
    )  # fmt: skip
    questions_kept_days: int = Field(
        default=90, ge=1, description="days that questions without an answer are kept for the content team"
    )
    messages_kept_days: int = Field(default=365, ge=1, description="days that the texts of messages are kept")
    mails_kept_days: int = Field(default=90, ge=4, description="days that what mails say is kept")
    callbacks_kept_days: int = Field(
        default=365, ge=1, description="days that a call request is kept, once closed"
    )
    nudges_kept_days: int = Field(
        default=730, ge=30, description="days until nudges count for nobody any more"
    )
    accesses_kept_days: int = Field(
        default=1095, ge=180, description="days that the log of who read what is kept"
    )
    people_kept_days: int = Field(
        default=730, ge=180, description="days after which a person of whom nothing was heard is erased"
    )
    private_calendars: bool = Field(
        default=False, description="referents' calendars may be on the internal network"
    )
    timezone: str = Field(default="Europe/Paris", description="time zone of what people read")
    departement: str = Field(default="79", description="the département served")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=1, le=65535, description="port to listen on: 1 to 65535")
    var: Path = Field(
        default=ROOT / "var", description="where the demonstration keeps its data, secrets and logs"
    )
    simulator: bool = Field(default=False, description="the demonstration sets it; refused by ./run serve")

    @classmethod
    def read(cls) -> "Settings":
        """The environment. Raises NotReady with one sentence: the first setting that is wrong, what it holds."""
        try:
            return cls()
        except ValidationError as failure:
            wrong = failure.errors()[0]
            name = str(wrong["loc"][0])
            about = cls.model_fields[name].description
            raise NotReady(
                f"Le réglage {name.upper()} est faux ({wrong['input']}). Attendu : {about}."
            ) from None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError):  # unknown, or the name of a folder of zones
            raise ValueError("unknown time zone") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(
            ("sqlite:///", "postgres://", "postgresql://", "postgresql+psycopg://")
        ):
            raise ValueError("neither SQLite nor PostgreSQL")
        return value

    @field_validator("rdv_service_public_url", "proconnect_url")
    @classmethod
    def _secure(cls, value: str) -> str:
        address = urlsplit(value)
        if value and not (
            address.scheme == "https" or (address.scheme == "http" and address.hostname == "127.0.0.1")
        ):
            raise ValueError("https only")
        return value.rstrip("/")

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        start, end = value.split("-")
        time.fromisoformat(start)
        time.fromisoformat(end)
        return value

    @property
    def database(self) -> str:
        """The SQLAlchemy address, with PostgreSQL's driver."""
        url = self.database_url or f"sqlite:///{self.var / 'coup-de-pouce.db'}"
        url = url.replace("postgres://", "postgresql://", 1)
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def rasa_urls(self) -> list[str]:
        return [u.strip().rstrip("/") for u in self.rasa_url.split(",") if u.strip()] or [
            "http://127.0.0.1:5005"
        ]

    @property
    def kept_days(self) -> dict[str, int]:
        """By line of usecases/retention.py."""
        return {
            name.removesuffix("_kept_days"): getattr(self, name)
            for name in type(self).model_fields
            if name.endswith("_kept_days")
        }

    @property
    def number(self) -> str:
        return self.sms_number or self.twilio_sender

    @property
    def public(self) -> str:
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")
