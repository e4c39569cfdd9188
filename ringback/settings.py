"""Settings from the environment (``RINGBACK_*``), typed, and refused at start when wrong."""

from __future__ import annotations

import difflib
import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import orjson
from annotated_types import Ge, Le
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ringback import credentials
from ringback.errors import SettingsError
from ringback.job import State
from ringback.submission import Defaults
from ringback.values import (
    LOOPBACK,
    Address,
    Author,
    Days,
    KeysUrl,
    PublicUrl,
    Recipient,
    Seconds,
    Selector,
    SmtpTls,
    SmtpUrl,
    StoreUrl,
    Support,
    parted,
)

PREFIX = "RINGBACK_"
ADDRESSES = "up.json"  #: where ``ringback up`` notes the addresses of its parts


class Settings(BaseSettings):
    """Every setting; the environment variable is the upper-case name after ``RINGBACK_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    # `repr=False` makes a setting a secret: it may lie in a file, and shows nowhere
    store_url: StoreUrl | None = Field(
        None, repr=False, description="redis://host:port/0; unset: embedded"
    )
    broker_url: StoreUrl | None = Field(
        None, repr=False, description="unset: the store's next database"
    )
    smtp_url: SmtpUrl | None = Field(None, repr=False)
    smtp_tls: SmtpTls | None = Field(
        None, description="`require`, `offered` or `none`; unset: required, but for loopback"
    )
    smtp_domain_rate: int = Field(
        0, ge=0, le=60_000, description="emails to one domain in a minute; 0: no limit"
    )
    email_from: Author = "Ringback <no-reply@localhost>"
    bounce_address: Address | None = Field(
        None, description="gets the emails that come back; unset: the author of the emails"
    )
    dkim_selector: Selector | None = Field(None, description="the name of the key below the domain")
    dkim_key: str | None = Field(None, repr=False, description="signs emails; a private key in PEM")
    public_url: PublicUrl = "http://127.0.0.1:8000"
    support: Support | None = Field(None, description="whom readers of an email may ask")
    jwt_secret: str | None = Field(None, repr=False)
    jwks_url: KeysUrl | None = Field(
        None, description="an issuer's public keys, instead of the secret"
    )
    metrics_token: Annotated[str, Field(min_length=16)] | None = Field(None, repr=False)
    bounce_token: Annotated[str, Field(min_length=16)] | None = Field(None, repr=False)
    link_secret: Annotated[str, Field(min_length=32)] | None = Field(
        None, repr=False, description="signs the links in emails; unset: the JWT secret does"
    )
    jwt_audience: str = "ringback"
    jwt_issuer: str = "ringback"
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    grace_absent: Seconds = Field(5, description="seconds before an email, nobody there")
    grace_present: Seconds = Field(30, description="seconds before an email, somebody there")
    email_window: Seconds = Field(10, description="seconds; one email per user and window")
    emails_an_hour: int = Field(60, ge=1, description="emails one user gets in any hour, at most")
    keep_succeeded: Days = Field(30, description="days that succeeded jobs are kept")
    keep_partial: Days = Field(90, description="days that partly done jobs are kept")
    keep_failed: Days = Field(90, description="days that failed jobs are kept")
    keep_cancelled: Days = Field(30, description="days that cancelled jobs are kept")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535, description="where the gateway listens; 0: any")
    drain: Seconds = Field(10, description="seconds over which a stopping gateway's clients leave")
    threads: int = Field(4, ge=1, le=256, description="jobs one worker process runs at once")
    data_dir: Path = Path(".ringback")
    max_upload: int = Field(1 << 30, ge=1, description="bytes of one uploaded file")
    limit_connections: int = Field(200, ge=1, description="connections of one user, on all nodes")
    limit_handshakes: int = Field(
        2_000, ge=1, description="connections of one node that haven't signed in yet"
    )
    limit_submits: int = Field(600, ge=1, le=60_000, description="jobs of one user in a minute")
    limit_events: int = Field(1_200, ge=1, le=60_000, description="events of one user in a minute")
    fetch_private: bool = Field(
        default=False, description="links.check and webhooks may reach private addresses"
    )
    templates: Path | None = None
    test_recipients: Annotated[tuple[Recipient, ...], NoDecode] = Field(
        (), description="whom test emails may go to: addresses and @domains"
    )
    dev: bool = Field(default=False, description="dev sign-in and /inbox; never in production")

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("test_recipients", mode="before")
    @classmethod
    def _split_recipients(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _explicit(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = parted(origin)
            if (
                "*" in origin
                or origin != f"{parts.scheme}://{parts.netloc}"
                or not (
                    parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
                )
            ):
                raise ValueError(f"{origin!r} must be an origin such as https://app.example.com")
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic-settings passes it)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[Any, ...]:
        """The environment, and the files that it names."""
        return init_settings, lambda: _from_files(init_settings()), env_settings

    @model_validator(mode="after")
    def _one_way_to_sign(self) -> Self:
        if self.jwt_secret and self.jwks_url:
            raise ValueError(
                "set RINGBACK_JWT_SECRET or RINGBACK_JWKS_URL, not both: tokens are signed one way"
            )
        return self

    @model_validator(mode="after")
    def _a_key_with_its_name(self) -> Self:
        if (self.dkim_key is None) != (self.dkim_selector is None):
            raise ValueError(
                "set RINGBACK_DKIM_SELECTOR and RINGBACK_DKIM_KEY (or RINGBACK_DKIM_KEY_FILE), or "
                "neither of them: receivers look for the key by its selector"
            )
        return self

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> Self:
        if self.smtp_tls == "none" and self.smtp_url:
            parts = urlsplit(self.smtp_url)
            if parts.scheme == "smtp" and parts.username:
                raise ValueError(
                    "RINGBACK_SMTP_TLS=none would send the password of RINGBACK_SMTP_URL in clear. "
                    "Leave it out, use smtps://, or take user and password out of the URL"
                )
        return self

    @cached_property
    def store(self) -> str:
        """The store's URL. Raises SettingsError where none is set and ``ringback up`` isn't on."""
        return self.store_url or str(self._embedded()["store_url"])

    @cached_property
    def broker(self) -> str:
        """The broker's URL: its own database, so that neither can crowd out the other's keys."""
        if self.broker_url:
            return self.broker_url
        parts = urlsplit(self.store)
        database = int(parts.path.strip("/") or 0) + 1
        return parts._replace(path=f"/{database}").geturl()

    @cached_property
    def secret(self) -> str:
        """The HS256 secret. Raises SettingsError where none is set, or a short one, or where
        tokens are signed by an issuer."""
        if self.jwks_url:
            raise SettingsError(
                "RINGBACK_JWKS_URL is set: your issuer signs the tokens, and this machine can't "
                "make any. Get one there; `ringback submit` takes it from RINGBACK_TOKEN."
            )
        secret = self.jwt_secret or self._secret_of_up()
        if len(secret.encode()) < 32:
            raise SettingsError(
                "RINGBACK_JWT_SECRET is shorter than 32 bytes, the least for HS256 (RFC 7518, "
                "3.2). Make one with: openssl rand -hex 32"
            )
        return secret

    @property
    def mail_server(self) -> str:
        """The SMTP server's URL. Raises SettingsError where none is set and ``ringback up`` isn't
        on with an inbox of its own."""
        if self.smtp_url:
            return self.smtp_url
        noted = self.data_dir / ADDRESSES
        if self.store_url is None and noted.is_file() and "smtp_url" in self._embedded():
            return str(self._embedded()["smtp_url"])
        raise SettingsError(
            "RINGBACK_SMTP_URL isn't set. Set it to your mail server: smtp://user:password@host:587"
        )

    def takes_tests(self, address: str) -> bool:
        """Whether test emails may go to ``address``: to those listed, and to anybody where they
        only reach the inbox of a developer."""
        caught = self.smtp_url is None or (
            self.dev and urlsplit(self.smtp_url).hostname in LOOPBACK
        )
        given = address.casefold()
        listed = {recipient.casefold() for recipient in self.test_recipients}
        return caught or given in listed or given[given.rfind("@") :] in listed

    @property
    def links(self) -> str:
        """The secret that signs the links in emails. Raises SettingsError where there is none."""
        if self.jwks_url and not self.link_secret:
            raise SettingsError(
                "RINGBACK_LINK_SECRET isn't set, and RINGBACK_JWKS_URL leaves no other secret to "
                "sign the links in emails. Make one, the same for gateways and mailers: openssl "
                "rand -hex 32"
            )
        return self.link_secret or self.secret

    @property
    def gateway_url(self) -> str:
        """Where this machine's commands reach the gateway: as set, or as `ringback up` noted."""
        noted = self.data_dir / ADDRESSES
        if "public_url" in self.model_fields_set or self.store_url or not noted.is_file():
            return self.public_url
        return str(self._embedded()["url"])

    @property
    def origins(self) -> list[str]:
        """Origins whose pages may connect; the public URL's own always may."""
        parts = urlsplit(self.public_url)
        return [f"{parts.scheme}://{parts.netloc}", *self.allowed_origins]

    @property
    def private(self) -> bool:
        """Whether what others name may lead to addresses that aren't public."""
        return self.fetch_private or self.dev

    @property
    def defaults(self) -> Defaults:
        """What job types that don't say get."""
        return Defaults(
            grace_absent=round(self.grace_absent * 1000),
            grace_present=round(self.grace_present * 1000),
            data_dir=self.data_dir.resolve(),
        )

    @property
    def keep(self) -> dict[State, int]:
        """How long ended jobs are kept, in ms."""
        days = {
            State.SUCCEEDED: self.keep_succeeded, State.PARTIAL: self.keep_partial,
            State.FAILED: self.keep_failed, State.CANCELLED: self.keep_cancelled,
        }  # fmt: skip
        return {state: round(kept * 86_400_000) for state, kept in days.items()}

    def _secret_of_up(self) -> str:
        path = self.data_dir / "jwt_secret"
        try:
            return path.read_text().strip()
        except OSError as error:
            raise SettingsError(
                f"RINGBACK_JWT_SECRET isn't set and {path.resolve()} can't be read "
                f"({error.strerror}). Run this in the folder of `make up`, or set it to a random "
                "secret: openssl rand -hex 32"
            ) from None

    def _embedded(self) -> Any:
        path = self.data_dir / ADDRESSES
        try:
            return orjson.loads(path.read_bytes())
        except OSError:
            raise SettingsError(
                "RINGBACK_STORE_URL isn't set and no embedded store is running here "
                f"({path.resolve()} is missing). Run this in the folder of `make up`, while that "
                "is on, or set it to redis://host:port/0"
            ) from None


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process.

    Raises SettingsError that names each wrong variable with its value and the fix, and each
    unknown ``RINGBACK_*`` variable (a typo would otherwise be a setting without effect).
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {PREFIX + name.upper() + credentials.SUFFIX for name in secret_settings()}
    complaints = [
        f"{name} is no setting. {_nearest(name, known)}"
        for name in os.environ
        if name.startswith(PREFIX) and name not in known
    ]
    if complaints:
        raise SettingsError("\n".join(complaints))
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_complaint(e) for e in error.errors())) from None


def secret_settings() -> list[str]:
    """The settings whose value may lie in a file, and shows nowhere."""
    return [name for name, field in Settings.model_fields.items() if not field.repr]


def _from_files(given: dict[str, Any]) -> dict[str, str]:
    wanted = [name for name in secret_settings() if name not in given]
    found = {name: credentials.from_file(PREFIX + name.upper()) for name in wanted}
    return {name: secret for name, secret in found.items() if secret is not None}


def _nearest(name: str, known: set[str]) -> str:
    # without the prefix, which all have in common
    close = difflib.get_close_matches(name[len(PREFIX) :], [k[len(PREFIX) :] for k in known], 1)
    return f"Did you mean {PREFIX}{close[0]}?" if close else f"Known: {', '.join(sorted(known))}"


def _complaint(error: Any) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return f"{message[0].upper()}{message[1:]}"
    field = str(error["loc"][0])
    message = _plain(Settings.model_fields[field]) or message
    name, value = PREFIX + field.upper(), error["input"]
    shown = credentials.masked(name, value) if field in secret_settings() else repr(value)
    return f"{name}={shown}: {message[0].lower()}{message[1:]}"


def _plain(field: FieldInfo) -> str:
    """What a number or a switch must be, with its unit; "" for other settings."""
    if field.annotation is bool:
        return f"must be true or false ({field.description})"
    if field.annotation not in (int, float):
        return ""
    kind = "a whole number" if field.annotation is int else "a number"
    least = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), 0)
    most = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    bounds = f"{least} or more" if most is None else f"from {least} to {most}"
    return f"must be {kind}, {bounds} ({field.description}), such as {field.default}"
