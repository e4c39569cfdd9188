"""Importing a file on the page, from the choice of the file to its rejected rows mended."""

from __future__ import annotations

import csv
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e_page.conftest import Invite
from tests.e2e_page.people import Notes, card, choose, customers, ends
from tests.rig import until

MIXED = """id,name,email
1,Ada,ada@example.com
2,Grace,grace(at)example.com
,Alan,alan@example.com
4,Radia,radia@example.com
"""


def write(path: Path, text: str = MIXED) -> Path:
    """A file to import."""
    path.write_text(text, encoding="utf-8")
    return path


def start(page: Page) -> None:
    """Presses the form's button."""
    page.get_by_test_id("submit").click()


def test_rejected_rows_are_downloaded_mended_and_imported_into_the_same_table(
    invite: Invite, tmp_path: Path
) -> None:
    page = invite("Ada").here()
    choose(page, write(tmp_path / "customers.csv"))
    customers(page)
    start(page)
    first = card(page, title="customers.csv")
    ends(first, "partial")
    expect(first.get_by_test_id("job-state")).to_have_text("Partly done")
    expect(first.get_by_test_id("job-counts")).to_have_text("2 added · 2 rejected")
    problems = first.get_by_test_id("job-problem")
    expect(problems).to_have_count(2)
    expect(problems.nth(0)).to_contain_text("grace(at)example.com")
    expect(problems.nth(1)).to_contain_text("1 row has no id.")

    page.reload()
    expect(card(page).get_by_test_id("job-counts")).to_have_text("2 added · 2 rejected")
    with page.expect_download() as download:
        card(page).get_by_role("button", name="Download the 2 rejected rows").click()
    rejected = tmp_path / download.value.suggested_filename
    download.value.save_as(rejected)
    assert rejected.name == "customers-rejected.csv"

    mend(rejected)
    choose(page, rejected)
    expect(page.get_by_test_id("table-input")).to_have_value("customers")
    expect(page.get_by_text("as in your last import into customers")).to_be_visible()
    start(page)
    second = card(page, title="customers-rejected.csv")
    ends(second, "succeeded")
    expect(second.get_by_test_id("job-counts")).to_have_text("2 added")
    expect(second).to_contain_text("Table customers: 4 rows")
    expect(page.get_by_test_id("job-card")).to_have_count(2)


def mend(rejected: Path) -> None:
    """Does what the rejected rows' last column asks for, as in a spreadsheet."""
    with rejected.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert [row[header.index("ringback_line")] for row in rows] == ["3", "4"]
    rows[0][2] = "grace@example.com"
    rows[1][0] = "3"
    with rejected.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_an_import_is_watched_from_its_first_row_to_its_last(
    invite: Invite, tmp_path: Path
) -> None:
    page = invite("Grace").here()
    notes = Notes(page)
    rows = "".join(f"{n},name {n}\n" for n in range(40_000))
    choose(page, write(tmp_path / "many.csv", "id,name\n" + rows))
    start(page)
    ends(card(page), "succeeded")
    expect(card(page).get_by_test_id("job-counts")).to_have_text("40,000 added")
    states, shares = notes.states(card(page)), notes.shares(card(page))
    assert states[-2:] == ["running", "succeeded"]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares), shares


def test_a_bad_table_name_is_told_next_to_its_field_before_anything_is_sent(
    invite: Invite, tmp_path: Path
) -> None:
    page = invite("Alan").here()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    choose(page, write(tmp_path / "customers.csv"), table="2nd try")
    start(page)
    table = page.get_by_test_id("table-input")
    expect(table).to_be_focused()
    expect(table).to_have_attribute("aria-invalid", "true")
    expect(table).to_have_accessible_description(
        "Rows are added to this table of yours. It is made if it isn't there. "
        "A table name starts with a letter and has only letters A\u2013Z, digits and underscores, "
        "at most 63. Example: customers_2024."
    )
    assert [url for url in sent if "/api/" in url] == []

    table.fill("second_try")
    expect(page.locator("#table-error")).to_be_hidden()
    start(page)
    ends(card(page), "succeeded")


def test_a_missing_or_wrong_file_is_told_next_to_the_file(invite: Invite, tmp_path: Path) -> None:
    page = invite("Barbara").here()
    start(page)
    expect(page.locator("#file-error")).to_have_text("Choose a CSV file first.")
    workbook = tmp_path / "customers.csv"
    workbook.write_bytes(b"PK\x03\x04 and the rest of a workbook")
    choose(page, workbook)
    expect(page.locator("#file-error")).to_contain_text("Save the sheet as CSV (UTF-8)")
    choose(page, write(tmp_path / "good.csv"))
    expect(page.locator("#file-error")).to_be_hidden()


def test_a_file_saved_again_after_it_was_chosen_is_to_be_chosen_again(
    invite: Invite, tmp_path: Path
) -> None:
    page = invite("Donald").here()
    file = write(tmp_path / "customers.csv", "id,name\n1,Ada\n")
    choose(page, file)
    write(file, "id,name\n1,Ada\n2,Grace\n")
    start(page)
    expect(page.locator("#file-error")).to_have_text(
        "This file was changed after you chose it. Choose it again."
    )
    choose(page, file)
    start(page)
    ends(card(page), "succeeded")
    expect(card(page).get_by_test_id("job-counts")).to_have_text("2 added")


def test_a_column_that_the_file_lacks_is_named_with_the_nearest_one(
    invite: Invite, tmp_path: Path
) -> None:
    # The form offers the file's own columns only, so another client has to ask for this.
    radia = invite("Radia")
    page = radia.here()
    file = radia.upload(page, write(tmp_path / "customers.csv"))
    job = radia.submit(page, "csv.import", file=file, table="customers", key="idd")
    ends(card(page, job), "failed")
    expect(card(page, job)).to_contain_text("The file has no column “idd”.")
    expect(card(page, job)).to_contain_text("Did you mean “id”? Its columns are id, name, email.")


def test_another_file_brings_its_own_columns(invite: Invite, tmp_path: Path) -> None:
    page = invite("Ken").here()
    choose(page, write(tmp_path / "customers.csv"))
    customers(page)
    choose(page, write(tmp_path / "orders.csv", "number,total\n1,9.5\n"))
    start(page)
    ends(card(page), "succeeded")
    expect(card(page)).to_contain_text("Table orders: 1 row")


def test_a_double_click_starts_one_job(invite: Invite, tmp_path: Path) -> None:
    page = invite("Leslie").here()
    choose(page, write(tmp_path / "customers.csv"))
    page.get_by_test_id("submit").dblclick()
    ends(card(page), "succeeded")
    expect(page.locator("#file-error")).to_be_hidden()
    page.reload()
    until(lambda: page.get_by_test_id("job-card").count() > 0, what="the list is there")
    expect(page.get_by_test_id("job-card")).to_have_count(1)


def test_a_person_without_a_mouse_imports_a_file(invite: Invite, tmp_path: Path) -> None:
    edsger = invite("Edsger")
    page = edsger.open()
    file = write(tmp_path / "customers.csv")
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.get_by_role("link", name="Ringback").focus()
    tab_to(page.get_by_test_id("sign-in-email"))
    page.keyboard.type(edsger.email)
    page.keyboard.press("Enter")
    page.get_by_text("No jobs yet").wait_for()
    page.get_by_role("link", name="Ringback").focus()
    tab_to(page.get_by_role("link", name="Dev inbox"))
    tab_to(page.get_by_test_id("emails-open"))
    tab_to(page.get_by_test_id("sign-out"))
    tab_to(page.get_by_test_id("file-input"))
    page.keyboard.press("Space")
    page.get_by_text("Columns (3)").wait_for()
    tab_to(page.get_by_test_id("table-input"))
    page.keyboard.press("Enter")
    ends(card(page), "succeeded")
    said = page.locator("#announcer")
    expect(said).to_contain_text("Import of customers.csv: done")


def tab_to(element: Locator) -> None:
    """Presses Tab, which must lead here."""
    element.page.keyboard.press("Tab")
    expect(element).to_be_focused()
