"""Whoever builds on the API reads it at /docs, and tries it there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e_page.conftest import Invite


def test_a_developer_tries_an_endpoint_with_a_token_on_the_docs_page(invite: Invite) -> None:
    dev = invite("Dora.Reads")
    page = dev.open("/docs")
    page.get_by_role("button", name="Authorize").click()
    page.get_by_label("auth-bearer-value").fill(dev.rig.token("dora"))
    page.get_by_label("Apply credentials").click()
    page.get_by_role("button", name="Close").click()

    types = page.locator("#operations-types-get_api_v1_types")
    types.get_by_role("button").first.click()
    types.get_by_role("button", name="Execute").click()
    expect(types.locator(".live-responses-table")).to_contain_text("csv.import")
