"""What people read in their inbox when a job has ended."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from letters.letter import Letters, Reader, Sender, TemplateError
from letters.shelf import Shelf

ROOT = Path(__file__).parents[1] / "templates" / "email"
ADA = Reader("u-42", "ada@example.com", "Ada Lovelace", "en-GB", "Europe/London")
RINGBACK = Sender("Ringback <no-reply@example.com>", "https://jobs.example.com", "help@example.com")
MESSAGES = ("succeeded", "partial", "failed", "cancelled", "digest")
ID = "1f-01974c5e-8a70-7cc3-9d1e-5b0f3a6c2d99"
PAGE = f"https://jobs.example.com/?job={ID}"


@cache
def standard() -> Letters:
    return Letters(Shelf(root=ROOT), RINGBACK)


def view(state: str, **changes: Any) -> dict[str, Any]:
    """A terminal JobView of an import; a count may be given by its name."""
    counts = {end: changes.pop(end, 0) for end in ("succeeded", "failed", "skipped")}
    base: dict[str, Any] = {
        "id": ID,
        "version": 9,
        "type": "csv.import",
        "title": "Import of customers.csv",
        "state": state,
        "progress": {"done": sum(counts.values()), "total": None, "unit": "rows", "eta": None},
        "counts": counts,
        "problems": [],
        "error": None,
        "result": None,
        "attempt": {"number": 1, "max": 5, "next_at": None, "reason": None},
        "can": {"cancel": False, "retry": []},
        "finished_at": "2026-07-12T14:03:00.123Z",
    }
    return {**base, **changes}


def problem(count: int, message: str, **changes: Any) -> dict[str, Any]:
    base = {"code": message, "outcome": "failed", "action": "", "examples": []}
    return {**base, "count": count, "message": message, **changes}


def error(category: str, message: str, action: str = "", ref: str = "r-7f3a") -> dict[str, Any]:
    return {
        "code": "x", "category": category, "message": message, "action": action,
        "retryable": False, "ref": ref,
    }  # fmt: skip


def letter(
    *views: Mapping[str, Any], reader: Reader = ADA, letters: Letters | None = None
) -> EmailMessage:
    return (letters or standard()).compose(
        views,
        reader,
        message_id="<one@example.com>",
        date=datetime(2026, 7, 12, 14, 4, tzinfo=UTC),
        reason="fallback; no receipt in 30 s",
    )


def fixture(name: str) -> Sequence[Mapping[str, Any]]:
    views: Sequence[Mapping[str, Any]] = json.loads(
        (ROOT / name / "fixtures" / "typical.json").read_text("utf-8")
    )["views"]
    return views


def part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    assert body is not None
    return str(body.get_content())


def text(message: EmailMessage) -> str:
    """The plain part with its line breaks undone."""
    return " ".join(part(message, "plain").split())


class _Visible(HTMLParser):
    """Words between the tags of a page, without its head; and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(page.split("</head>")[1])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += re.findall(r"\w+", data)


# -- the messages


def test_a_full_success_says_so_and_asks_for_nothing() -> None:
    message = letter(view("succeeded", succeeded=1204, skipped=1))
    assert message["Subject"] == "Import of customers.csv: 1,204 added, 1 skipped"
    assert "Done: 1,204 rows were added and 1 row was skipped." in text(message)
    assert "You don't need to do anything." in text(message)
    assert "rejected" not in text(message)


def test_a_single_row_is_spoken_of_in_the_singular() -> None:
    assert "Done: 1 row was added." in text(letter(view("succeeded", succeeded=1)))


def test_a_success_after_retries_says_which_attempt() -> None:
    again = {"number": 2, "max": 5, "next_at": None, "reason": None}
    assert "attempt 2 of 5" in text(letter(view("succeeded", succeeded=3, attempt=again)))
    assert "attempt" not in text(letter(view("succeeded", succeeded=3)))


def test_a_job_without_items_needs_no_numbers() -> None:
    message = letter(view("succeeded", title="Nightly clean-up", progress=None, type="other"))
    assert message["Subject"] == "Nightly clean-up: done"


def test_a_partial_letter_groups_problems_and_says_what_was_saved() -> None:
    problems = [
        problem(1, "1 row is already in the table", outcome="skipped"),
        problem(3, "3 rows have no ID", action="Give each a unique ID", examples=["row 17"]),
    ]
    message = letter(view("partial", succeeded=1204, failed=3, skipped=1, problems=problems))
    assert message["Subject"] == "Import of customers.csv: 1,204 added, 3 rejected, 1 skipped"
    body = text(message)
    assert "1,204 rows were added, 3 rows were rejected, and 1 row was skipped." in body
    assert "3 rows have no ID. Give each a unique ID. For example: row 17" in body
    assert body.index("3 rows have no ID") < body.index("1 row is already in the table")
    assert "The added rows are saved." in body
    assert "it's safe to import the file again" in body


def test_the_primary_action_is_the_link_that_counts_the_failed_rows() -> None:
    links = [
        {"label": "Table customers: 5,310 rows", "url": "/api/v1/files/1"},
        {"label": "Download the 3 rejected rows", "url": "/api/v1/files/2"},
    ]
    result = {"summary": "1,204 rows added", "links": links}
    message = letter(view("partial", succeeded=1204, failed=3, result=result))
    button = re.search(r'<a class="button" href="([^"]+)"[^>]*>([^<]+)<', part(message, "html"))
    assert button is not None
    assert button.groups() == (PAGE, "Download the 3 rejected rows")
    assert f"“Table customers: 5,310 rows”: {PAGE}" in text(message)


def test_a_public_https_link_is_used_as_it_is() -> None:
    links = [{"label": "Open the report", "url": "https://reports.example.com/a_b?x=1&y=(2)"}]
    message = letter(view("succeeded", result={"summary": "Report made", "links": links}))
    assert "Open the report: https://reports.example.com/a_b?x=1&y=(2)" in text(message)


def test_a_link_that_we_signed_is_used_as_it_is_and_no_other_without_tls() -> None:
    signed, plain = "http://127.0.0.1:8000/d/WyJ4Il0.bWFyaw", "http://127.0.0.1:8000/api/v1/files/1"
    here = Sender("Ringback <no-reply@example.com>", "http://127.0.0.1:8000")
    links = [{"label": "Download the 3 failed rows", "url": signed},
             {"label": "See all", "url": plain}, {"label": "Else", "url": f"{signed} x"},
             {"label": "Elsewhere", "url": "http://evil.example/d/x"}]  # fmt: skip
    shown = view("succeeded", result={"summary": "Done", "links": links})
    told = text(letter(shown, letters=Letters(Shelf(), here)))
    page = f"http://127.0.0.1:8000/?job={ID}"
    assert "Links to files work for 7 days, for anyone who has this email." in told
    assert f"Download the 3 failed rows: {signed}" in told
    for label in ("See all", "Else", "Elsewhere"):
        assert f"{label}: {page}" in told or f"“{label}”: {page}" in told


def test_links_that_need_a_sign_in_have_no_end() -> None:
    links = [{"label": "Download the 3 failed rows", "url": "/api/v1/files/1"}]
    shown = view("partial", failed=3, result={"summary": "Done", "links": links})
    assert "Links to files work" not in text(letter(shown))


def test_more_kinds_of_problems_than_fit_are_counted() -> None:
    problems = [problem(1, f"1 row is wrong in way {number}") for number in range(8)]
    body = text(letter(view("partial", succeeded=1, failed=8, problems=problems)))
    assert "2 more kinds of problems are listed on the job's page" in body


@pytest.mark.parametrize(
    ("category", "lead"),
    [
        ("input", "It failed because of something in the input: The file is empty."),
        ("permission", "It failed because a permission is missing: The file is empty."),
        ("external", "another service that it needs didn't do its part: The file is empty."),
        ("system", "It failed, and the fault is on our side. The file is empty."),
    ],
)
def test_a_failure_says_why_by_its_kind_and_what_to_do(category: str, lead: str) -> None:
    cause = error(category, "The file is empty", "Choose another")
    message = letter(view("failed", type="other", error=cause))
    assert message["Subject"] == "Import of customers.csv failed: The file is empty"
    assert lead in text(message)
    assert "Choose another." in text(message)
    assert "Reference: r-7f3a" in text(message)


def test_a_failure_says_whether_something_was_saved() -> None:
    body = text(letter(view("failed", error=error("external", "The disk is full"))))
    assert "No row of this file was saved" in body


def test_a_file_that_cannot_be_imported_is_told_as_such() -> None:
    body = text(letter(view("failed", error=error("input", "The file is empty", "Send another"))))
    assert "Nothing from this file was imported: The file is empty." in body
    assert "You can safely import it again: nothing needs to be undone first." in body


def test_a_check_without_broken_links_says_that_all_is_well() -> None:
    body = text(letter(view("succeeded", type="links.check", succeeded=118)))
    assert "The check found no broken link: 118 links are fine." in body
    assert "You don't need to do anything." in body


def test_after_a_fault_of_ours_nothing_is_claimed_that_we_cannot_know() -> None:
    body = text(letter(view("failed", error=error("system", "A machine stopped"))))
    assert "No row of this file was saved" not in body
    assert "You can safely import the file again" in body


def test_the_only_row_rejected_makes_a_failure_in_the_singular() -> None:
    rejected = problem(1, "1 row has no ID", action="Give it an ID")
    cause = error("input", "None of the rows could be processed", "Give it an ID")
    message = letter(view("failed", failed=1, problems=[rejected], error=cause))
    assert message["Subject"] == "Import of customers.csv failed: 1 row was rejected"
    assert text(message).count("Give it an ID") == 1


def test_a_cancelled_job_accounts_for_every_row() -> None:
    progress = {"done": 500, "total": 1208, "unit": "rows"}
    message = letter(view("cancelled", succeeded=497, failed=3, progress=progress))
    assert "497 rows were checked, 3 rows were rejected, and 708 rows were not attempted." in text(
        message
    )
    assert "No row of this file was saved" in text(message)


def test_progress_in_other_units_than_items_is_not_counted_as_rows() -> None:
    progress = {"done": 70_000, "total": 90_000, "unit": "rows"}
    assert "not attempted" not in text(letter(view("cancelled", succeeded=5, progress=progress)))


def test_a_job_cancelled_while_waiting_says_so() -> None:
    result = {"summary": "Cancelled before it started.", "links": []}
    assert "Cancelled before it started." in text(letter(view("cancelled", result=result)))


def test_checked_links_are_fine_or_broken() -> None:
    progress = {"done": 2, "total": 2, "unit": "links", "rate": None, "eta": None}
    job = view("partial", type="links.check", succeeded=1, failed=1, progress=progress)
    assert "1 link is fine and 1 link is broken" in text(letter(job))


def test_what_failed_is_told_in_whole_words() -> None:
    body = text(letter(view("partial", type="other", succeeded=1, failed=1)))
    assert "1 row was done and 1 row failed" in body


def test_an_unknown_job_type_is_told_in_general_words() -> None:
    message = letter(view("partial", type="other", title="Check", succeeded=2, failed=1))
    assert message["Subject"] == "Check: 2 done, 1 failed"


# -- the digest


def test_a_digest_puts_failures_first_and_gives_each_job_its_link() -> None:
    states = ("succeeded", "cancelled", "partial", "failed")
    views = [view(state, id=f"1f-{state}", title=state.title()) for state in states]
    message = letter(*views)
    assert message["Subject"] == "4 jobs ended: 1 failed, 1 partly done, 1 cancelled, 1 done"
    body = text(message)
    places = [body.index(f"https://jobs.example.com/?job=1f-{state}") for state in states]
    assert places == sorted(places, reverse=True)
    assert message["X-Ringback-Job"] == "1f-succeeded, 1f-cancelled, 1f-partial, 1f-failed"


def test_a_digest_of_hundreds_of_jobs_stays_small_and_counts_the_rest() -> None:
    long = [problem(9, "9 rows are wrong " * 20, examples=["value " * 40] * 5)] * 9
    views = [
        view("partial", id=f"1f-{n}", succeeded=1, failed=9, problems=long) for n in range(300)
    ]
    message = letter(*views)
    assert "280 more jobs" in text(message)
    assert len(part(message, "html")) < 100_000


# -- hostile data


HOSTILE = (
    "[click](https://evil.example) <script>alert(1)</script> **x**\r\nBcc: eve@evil.example "
    "\u202egpj.exe ملف 🎉 " + "L" * 2000
)


def test_hostile_words_inject_no_header_link_or_tag() -> None:
    trap = problem(1, HOSTILE, action=HOSTILE, examples=[HOSTILE])
    links = [{"label": HOSTILE, "url": "javascript:alert(1)"}]
    result = {"summary": HOSTILE, "links": links}
    hostile = view("partial", title=HOSTILE, failed=1, succeeded=1, problems=[trap], result=result)
    message = message_from_bytes(letter(hostile).as_bytes(), policy=SMTP)
    assert message["Bcc"] is None
    assert len(message["Subject"]) < 120
    page = _Visible(part(message, "html"))
    assert set(page.links) == {PAGE, "mailto:help@example.com"}
    assert page.tags <= {
        "body", "div", "table", "tbody", "tr", "td", "p", "h1", "h2", "a", "ul", "li", "strong",
        "em", "br", "ol",
    }  # fmt: skip
    assert len(part(message, "html")) < 20_000
    assert "\u202e" not in part(message, "plain")


def test_a_right_to_left_title_keeps_the_numbers_in_their_place() -> None:
    message = letter(view("succeeded", title="ملف.csv", succeeded=3))
    assert message["Subject"] == "\u2068ملف.csv\u2069: 3 added"


def test_a_name_with_commas_and_angles_stays_one_recipient() -> None:
    name = "Ünal, Ada <eve@evil.example>, " * 5
    message = letter(view("succeeded"), reader=replace(ADA, name=name))
    parsed = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert [address.addr_spec for address in parsed["To"].addresses] == ["ada@example.com"]
    assert parsed["To"].addresses[0].display_name.startswith("Ünal Ada")


def test_an_international_domain_is_written_in_ascii() -> None:
    message = letter(view("succeeded"), reader=replace(ADA, email="ada@bücher.example"))
    assert b"ada@xn--bcher-kva.example" in message.as_bytes()


# -- the envelope


def test_headers_say_who_why_and_that_no_answer_is_wanted() -> None:
    message = message_from_bytes(letter(view("succeeded")).as_bytes(), policy=SMTP)
    assert message["From"] == "Ringback <no-reply@example.com>"
    assert message["To"] == "Ada Lovelace <ada@example.com>"
    assert message["Reply-To"] == "help@example.com"
    assert message["Message-ID"] == "<one@example.com>"
    assert message["Date"].datetime == datetime(2026, 7, 12, 14, 4, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["List-Id"] == "Job notices <jobs.ringback.example.com>"
    assert message["X-Ringback-Job"] == ID
    assert message["X-Ringback-Reason"] == "fallback; no receipt in 30 s"


def test_the_text_part_comes_before_the_html_part() -> None:
    message = letter(view("succeeded"))
    assert message.get_content_type() == "multipart/alternative"
    kinds = [
        (piece.get_content_type(), piece.get_content_charset()) for piece in message.iter_parts()
    ]
    assert kinds == [("text/plain", "utf-8"), ("text/html", "utf-8")]


def test_the_same_news_makes_the_same_parts() -> None:
    first, second = letter(view("partial", failed=1)), letter(view("partial", failed=1))
    assert part(first, "html") == part(second, "html")


def test_a_letter_about_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one view"):
        letter()


def test_a_letter_about_a_running_job_is_refused() -> None:
    with pytest.raises(ValueError, match="is running; letters tell of ended jobs only"):
        letter(view("running"))


@pytest.mark.parametrize("address", ["", "nobody", "@example.com", "ada@"])
def test_a_letter_to_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="isn't an email address"):
        letter(view("succeeded"), reader=replace(ADA, email=address))


# -- both parts


@pytest.mark.parametrize("name", MESSAGES)
def test_the_text_part_has_every_fact_and_link_of_the_html(name: str) -> None:
    message = letter(*fixture(name))
    page = _Visible(part(message, "html"))
    body = text(message)
    known = set(re.findall(r"\w+", body.lower()))
    preheader = part(message, "html").split('aria-hidden="true"')[1].split("</div>")[0]
    assert {word.lower() for word in page.words} - set(
        re.findall(r"\w+", preheader.lower())
    ) <= known
    assert all(link.removeprefix("mailto:") in body for link in page.links)
    assert all(one["id"] in body for one in fixture(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_letters_are_small_and_load_nothing_from_elsewhere(name: str) -> None:
    page = part(letter(*fixture(name)), "html")
    assert len(page) < 20_000
    assert "src=" not in page
    assert '<html lang="en" dir="ltr">' in page


@pytest.mark.parametrize("name", MESSAGES)
def test_no_letter_says_what_we_never_say(name: str) -> None:
    body = text(letter(*fixture(name))).lower()
    banned = ("something went wrong", "oops", "an error occurred", "click here", "none", " 0 ")
    assert not [phrase for phrase in banned if phrase in body.split("you get this email")[0]]


def test_the_footer_says_why_how_to_stop_and_whom_to_ask() -> None:
    body = text(letter(view("succeeded")))
    assert "You get this email because you started this job and no open page" in body
    assert "To get none next time, keep the page open" in body
    assert "Write to help@example.com" in body
    assert f"Job id: {ID}" in body


def test_without_a_support_address_the_footer_names_the_site() -> None:
    alone = Letters(Shelf(root=ROOT), replace(RINGBACK, support=None))
    message = letter(view("succeeded"), letters=alone)
    assert "Ask whoever runs https://jobs.example.com/" in text(message)
    assert message["Reply-To"] is None


def test_the_end_is_told_in_the_readers_time_zone() -> None:
    assert "Ended 12 Jul 2026, 15:03 BST." in text(letter(view("succeeded")))
    unknown = replace(ADA, timezone="UTC")
    assert "Ended 12 Jul 2026, 14:03 UTC." in text(letter(view("succeeded"), reader=unknown))


# -- when templates fail


def broken(tmp_path: Path, name: str, addition: str) -> Path:
    root = tmp_path / "email"
    shutil.copytree(ROOT, root)
    with (root / name / "body.md").open("a") as body:
        body.write(addition)
    return root


def of_ones_own(tmp_path: Path, name: str, body: str) -> Path:
    """An installation's own templates: one message's body."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "body.md").write_text(body)
    return tmp_path


def test_a_template_that_fails_at_run_time_costs_nobody_the_news(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = of_ones_own(tmp_path, "partial", "{{ job.problems[0].message }}\n")
    letters = Letters(Shelf(own), RINGBACK)
    message = letter(view("partial", succeeded=2, failed=1), letters=letters)
    letters.close()
    assert message["Subject"] == "Import of customers.csv: 2 added, 1 rejected"
    assert message.get_content_type() == "text/plain"
    for fact in ("2 added", "1 rejected", PAGE, f"Job id: {ID}", "help@example.com"):
        assert fact in message.get_content()
    assert "partial/body.md:1: " in caplog.text


def test_the_plain_letter_has_the_error_and_the_problems_too(tmp_path: Path) -> None:
    own = of_ones_own(tmp_path, "failed", "{{ 1 // (job.failed - 7) }}\n")
    letters = Letters(Shelf(own), RINGBACK)
    found = problem(7, "7 rows have no ID", action="Give each an ID", examples=["line 2"])
    cause = error("system", "A machine stopped", "Start it again")
    failed = view("failed", failed=7, problems=[found], error=cause)
    message = letter(failed, letters=letters)
    letters.close()
    body = message.get_content()
    for fact in ("A machine stopped", "Start it again", "Reference: r-7f3a", "7 rows have no ID"):
        assert fact in body


def test_a_template_that_fails_on_its_fixture_is_refused_on_loading(tmp_path: Path) -> None:
    root = broken(tmp_path, "failed", "\n{{ job.nothing }}\n")
    last = len((root / "failed" / "body.md").read_text().splitlines())
    with pytest.raises(TemplateError, match=rf"failed/body\.md:{last}: .*nothing"):
        Letters(Shelf(root=root), RINGBACK)


def test_a_missing_message_is_refused_on_loading(tmp_path: Path) -> None:
    root = broken(tmp_path, "digest", "")
    shutil.rmtree(root / "digest")
    with pytest.raises(TemplateError, match=r"digest:1: there is no folder"):
        Letters(Shelf(root=root), RINGBACK)


def test_a_broken_fixture_is_named_with_its_line(tmp_path: Path) -> None:
    root = broken(tmp_path, "digest", "")
    (root / "digest" / "fixtures" / "typical.json").write_text('{\n"views": [,]}')
    with pytest.raises(TemplateError, match=r"typical\.json:2: "):
        Letters(Shelf(root=root), RINGBACK)


def test_a_misspelt_word_in_words_toml_is_named(tmp_path: Path) -> None:
    root = broken(tmp_path, "digest", "")
    (root / "_layout" / "words.toml").write_text('["csv.import"]\nsuceeded = "added"\n')
    with pytest.raises(TemplateError, match=r"words\.toml:1: .*suceeded"):
        Letters(Shelf(root=root), RINGBACK)


def test_a_title_that_looks_like_an_encoded_word_arrives_as_it_is() -> None:
    message = letter(view("succeeded", title="=?utf-8?q?=0AYou_won?=", succeeded=3))
    parsed = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert parsed["Subject"] == "=?utf-8?q?=0AYou_won?=: 3 added"


# -- stopping them


def test_each_letter_has_the_way_to_stop_such_letters_for_people_and_for_mail_programs() -> None:
    stop = "https://jobs.example.com/unsubscribe/" + "x" * 300 + ".y"
    message = letter(view("succeeded"), reader=replace(ADA, stop=stop))
    raw = message.as_bytes(policy=SMTP)
    assert f"\r\nList-Unsubscribe: <{stop}>\r\n".encode() in raw, "neither folded nor encoded"
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert f"Stop these emails: {stop}" in text(message)
    assert stop in _Visible(part(message, "html")).links


def test_who_wants_each_letter_is_not_told_that_no_page_was_open() -> None:
    told = text(letter(view("succeeded"), reader=replace(ADA, asked=True)))
    assert "want an email each time" in told
    assert "no open page" not in told
