"""Wrong settings are refused at start, in words that name the variable, its value and the fix."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from ringback import parts
from ringback.errors import SettingsError
from ringback.settings import PREFIX, Settings, load_settings, secret_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests, and an empty working directory."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def with_env(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Settings:
    for name, value in settings.items():
        monkeypatch.setenv(PREFIX + name, value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    with pytest.raises(SettingsError) as caught:
        with_env(monkeypatch, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("STORE_URL", "localhost:6379", "must be a URL that starts with redis:// or rediss://"),
        ("STORE_URL", "redis://", "must be a URL that starts with redis:// or rediss://"),
        ("STORE_URL", "redis://host/main", "the database after the host must be a number"),
        ("BROKER_URL", "http://host", "must be a URL that starts with redis://"),
        ("SMTP_URL", "mail.example.com:25", "must be a URL that starts with smtp:// or smtps://"),
        ("PUBLIC_URL", "jobs.example.com", "must be a URL that starts with http:// or https://"),
        ("EMAIL_FROM", "Ringback", 'must be an address such as "Ringback <no-reply@example.com>"'),
        ("ALLOWED_ORIGINS", "*", "must be an origin such as https://app.example.com"),
        ("ALLOWED_ORIGINS", "https://a.example/path", "must be an origin such as"),
        ("ALLOWED_ORIGINS", "https://a.example,https://*.b.example", "must be an origin such as"),
        ("STORE_URL", "redis://host:port/99", "must be a number from 0 to 65535"),
        ("STORE_URL", "redis://:6379/0", "and a host"),
        ("STORE_URL", "redis://[::1/0", "an IPv6 address stand in brackets"),
        ("BROKER_URL", "redis://host:99999", "must be a number from 0 to 65535"),
        ("SMTP_URL", "smtp://127.0.0.1:99999", "must be a number from 0 to 65535"),
        ("SMTP_URL", "smtp://mail.example.com/inbox", "must end after the host and the port"),
        ("JWKS_URL", "https://issuer.example:x/keys", "must be a number from 0 to 65535"),
        ("PUBLIC_URL", "https://x:99999", "must be a number from 0 to 65535"),
        ("PUBLIC_URL", "http://x/path", "must end after the host and the port"),
        ("PUBLIC_URL", "http://x?", "must end after the host and the port"),
        ("PUBLIC_URL", "http://x/#here", "must end after the host and the port"),
        ("PUBLIC_URL", "http://me@x", "must end after the host and the port"),
        ("SUPPORT", "javascript:alert(1)", "must be an address such as help@example.com"),
        ("SUPPORT", "the desk", "or a page such as https://example.com/help"),
        ("ALLOWED_ORIGINS", "https:", "must be an origin such as"),
        ("ALLOWED_ORIGINS", "https://a.example?q", "must be an origin such as"),
        ("ALLOWED_ORIGINS", "https://a.example:x", "must be a number from 0 to 65535"),
        ("GRACE_ABSENT", "-1", "must be a number, 0 or more (seconds before an email"),
        ("GRACE_PRESENT", "soon", "must be a number, 0 or more (seconds"),
        ("GRACE_PRESENT", "nan", "such as 30"),
        ("EMAIL_WINDOW", "inf", "must be a number, 0 or more (seconds"),
        ("EMAILS_AN_HOUR", "0", "must be a whole number, 1 or more (emails one user gets"),
        ("KEEP_FAILED", "1", "must be a number, 2 or more (days"),
        ("PORT", "70000", "must be a whole number, from 0 to 65535"),
        ("THREADS", "0", "must be a whole number, from 1 to 256"),
        ("MAX_UPLOAD", "1GiB", "(bytes of one uploaded file), such as 1073741824"),
        ("DEV", "maybe", "must be true or false (dev sign-in"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_its_value_and_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fix: str
) -> None:
    text = refusal(monkeypatch, **{name: value})
    assert text.startswith(f"{PREFIX}{name}=")
    assert value.rsplit(",", maxsplit=1)[-1] in text
    assert fix in text


@pytest.mark.parametrize("option", ["wide=1", "socket_timeout=soon"])
def test_an_option_of_the_store_that_nobody_knows_is_refused(
    monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    told = refusal(monkeypatch, STORE_URL=f"redis://host/0?{option}")
    assert "an option after the ? isn't known or has a wrong value" in told


def test_the_database_has_one_place_or_the_broker_would_get_the_stores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = refusal(monkeypatch, STORE_URL="redis://host/?db=3")
    assert "the database after the host must be a number" in told


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("help@example.com", "help@example.com"),
        ("mailto:help@example.com", "help@example.com"),
        ("https://example.com/help?from=mail", "https://example.com/help?from=mail"),
    ],
)
def test_support_is_an_address_or_a_page(
    monkeypatch: pytest.MonkeyPatch, given: str, kept: str
) -> None:
    assert with_env(monkeypatch, SUPPORT=given).support == kept


@pytest.mark.parametrize(
    ("host", "number", "told"),
    [
        ("300.1.1.1", None, "RINGBACK_HOST=300.1.1.1: can't listen on"),
        ("192.0.2.1", errno.EADDRNOTAVAIL, "RINGBACK_HOST=192.0.2.1: can't listen on"),
        ("127.0.0.1", errno.EADDRINUSE, "RINGBACK_PORT=8000: can't listen on"),
        ("127.0.0.1", errno.EACCES, "RINGBACK_PORT=8000: can't listen on"),
    ],
)
def test_the_setting_that_is_to_blame_for_no_listening_is_named(
    host: str, number: int | None, told: str
) -> None:
    error = OSError("no address") if number is None else OSError(number, os.strerror(number))
    assert str(parts.cant_listen(load_settings(host=host), error)).startswith(told)


def test_all_wrong_settings_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, PORT="x", THREADS="0", DEV="maybe").splitlines()
    assert {line.partition("=")[0] for line in lines} == {
        "RINGBACK_PORT", "RINGBACK_THREADS", "RINGBACK_DEV"}  # fmt: skip


def test_a_mistyped_variable_is_refused_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = refusal(monkeypatch, STORE_ULR="redis://localhost")
    assert text == "RINGBACK_STORE_ULR is no setting. Did you mean RINGBACK_STORE_URL?"


def test_a_variable_like_no_other_is_refused_with_all_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = refusal(monkeypatch, QQQQQQ="1")
    assert text.startswith("RINGBACK_QQQQQQ is no setting. Known: ")
    assert all(PREFIX + name.upper() in text for name in Settings.model_fields)


def test_variables_of_other_programs_are_none_of_our_business(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RINGBACKS", "1")
    monkeypatch.setenv("PORT", "nonsense")
    assert load_settings().port == 8000


# -- secrets

SECRETS = {
    "JWT_SECRET": "hunter2" * 8,
    "LINK_SECRET": "hunter2" * 8,
    "STORE_URL": "redis://me:hunter2@store:6379/0",
    "BROKER_URL": "rediss://:hunter2@broker/1",
    "SMTP_URL": "smtp://me:hunter2@mail.example.com:587",
}


def test_every_secret_is_tried_here() -> None:
    assert SECRETS.keys() <= {name.upper() for name in secret_settings()}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_lie_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text(SECRETS[name] + "\n")
    settings = with_env(monkeypatch, **{f"{name}_FILE": str(tmp_path / "secret")})
    assert getattr(settings, name.lower()) == SECRETS[name]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_comes_from_one_place_and_shows_in_no_complaint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text(SECRETS[name])
    both = {name: SECRETS[name], f"{name}_FILE": str(tmp_path / "secret")}
    assert refusal(monkeypatch, **both) == (
        f"Set RINGBACK_{name} or RINGBACK_{name}_FILE, not both."
    )


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_shows_nowhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    settings = with_env(monkeypatch, **{name: SECRETS[name]})
    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize("name", ["STORE_URL", "BROKER_URL", "SMTP_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:hunter2@host",
        "me:hunter2@host",
        "x://a:hunter2@b@host",
        "x://host?password=hunter2",
    ],
)
def test_a_password_in_a_wrong_url_shows_in_no_complaint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, url: str
) -> None:
    told = refusal(monkeypatch, **{name: url})
    assert "hunter2" not in told
    assert "host" in told
    monkeypatch.delenv(PREFIX + name)
    (tmp_path / "secret").write_text(url)
    assert "hunter2" not in refusal(monkeypatch, **{f"{name}_FILE": str(tmp_path / "secret")})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "can't be read (No such file or directory)"),
        (b"", "must hold the secret and nothing else"),
        (b" \n", "must hold the secret and nothing else"),
        (b"\xff\xfe", "can't be read (it isn't text in UTF-8)"),
        (b"x" * 70_000, "must hold the secret and nothing else"),
    ],
)
def test_a_file_without_a_secret_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    text = refusal(monkeypatch, SMTP_URL_FILE=str(path))
    assert text == f"RINGBACK_SMTP_URL_FILE={str(path)!r}: {told}."


def test_a_setting_that_is_no_secret_comes_from_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "RINGBACK_PORT_FILE is no setting" in refusal(monkeypatch, PORT_FILE="/run/port")


def test_a_short_secret_is_refused_with_the_command_that_makes_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = with_env(monkeypatch, JWT_SECRET="s" * 31)
    with pytest.raises(SettingsError, match=r"shorter than 32 bytes.*openssl rand -hex 32"):
        _ = settings.secret


def test_a_missing_secret_is_refused_with_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = with_env(monkeypatch, DATA_DIR="/nowhere")
    with pytest.raises(SettingsError, match=r"/nowhere/jwt_secret can't be read.*openssl rand"):
        _ = settings.secret


# -- what follows from others


def test_without_a_store_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"RINGBACK_STORE_URL isn't set.*make up.*redis://"):
        _ = with_env(monkeypatch).store


def test_without_a_store_url_the_one_of_ringback_up_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".ringback").mkdir()
    (tmp_path / ".ringback" / "up.json").write_text('{"store_url": "redis://127.0.0.1:1/0"}')
    assert with_env(monkeypatch).store == "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("store", "broker"),
    [
        ("redis://host", "redis://host/1"),
        ("redis://host:1/", "redis://host:1/1"),
        ("rediss://me:pw@host:1/3", "rediss://me:pw@host:1/4"),
    ],
)
def test_the_broker_has_a_database_of_its_own(
    monkeypatch: pytest.MonkeyPatch, store: str, broker: str
) -> None:
    assert with_env(monkeypatch, STORE_URL=store).broker == broker


def test_a_broker_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_env(monkeypatch, STORE_URL="redis://a", BROKER_URL="redis://b/7")
    assert settings.broker == "redis://b/7"


def test_pages_of_the_public_url_and_of_the_listed_origins_may_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = with_env(
        monkeypatch, PUBLIC_URL="https://jobs.example.com/",
        ALLOWED_ORIGINS="https://app.example.com/, http://localhost:3000",
    )  # fmt: skip
    assert settings.origins == [
        "https://jobs.example.com", "https://app.example.com", "http://localhost:3000"]  # fmt: skip


def test_seconds_become_the_milliseconds_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = with_env(monkeypatch, GRACE_ABSENT="0.5", GRACE_PRESENT="45").defaults
    assert (defaults.grace_absent, defaults.grace_present) == (500, 45_000)


def test_nothing_need_be_set() -> None:
    assert load_settings().port == 8000


def test_an_installation_without_a_secret_of_its_own_needs_one_for_its_links(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = with_env(monkeypatch, JWKS_URL="https://issuer.example/keys")
    with pytest.raises(SettingsError, match="RINGBACK_LINK_SECRET isn't set"):
        _ = settings.links
    monkeypatch.setenv("RINGBACK_LINK_SECRET", "s" * 32)
    assert load_settings().links == "s" * 32


# -- whom test emails reach


def up_is_on(tmp_path: Path, **noted: str) -> None:
    """`ringback up` runs here, and noted its addresses."""
    (tmp_path / ".ringback").mkdir()
    note = {"store_url": "redis://127.0.0.1:7000/0", "url": "http://127.0.0.1:8000", **noted}
    (tmp_path / ".ringback" / "up.json").write_text(json.dumps(note))


def test_tests_reach_the_inbox_of_a_developer_whoever_they_are_for(tmp_path: Path) -> None:
    up_is_on(tmp_path, smtp_url="smtp://127.0.0.1:7001")
    settings = load_settings()
    assert settings.mail_server == "smtp://127.0.0.1:7001"
    assert settings.takes_tests("anybody@example.com")


def test_what_runs_here_with_a_real_mail_server_gives_it_to_no_other_command(
    tmp_path: Path,
) -> None:
    up_is_on(tmp_path)
    with pytest.raises(SettingsError, match="RINGBACK_SMTP_URL isn't set"):
        _ = load_settings().mail_server


def test_a_production_without_a_mail_server_has_none_of_a_developer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    up_is_on(tmp_path, smtp_url="smtp://127.0.0.1:7001")
    settings = with_env(monkeypatch, STORE_URL="redis://store.example.com/0")
    with pytest.raises(SettingsError, match="RINGBACK_SMTP_URL isn't set"):
        _ = settings.mail_server


def test_where_emails_leave_tests_go_to_those_who_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = with_env(
        monkeypatch, SMTP_URL="smtp://mail.example.com", DEV="1",
        TEST_RECIPIENTS=" Ann@example.com ,@Example.ORG,",
    )  # fmt: skip
    assert settings.test_recipients == ("Ann@example.com", "@Example.ORG")
    assert settings.takes_tests("ann@example.com")
    assert settings.takes_tests("bea@example.org")
    assert not settings.takes_tests("bea@example.com")
    assert not settings.takes_tests("bea@sub.example.org")
    assert not settings.takes_tests("ann@example.com.evil.example")
