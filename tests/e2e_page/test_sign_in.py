"""A page whose token ends: it goes on with another, from the dev sign-in or from the app's own."""

from __future__ import annotations

import json

from gateway.auth import Tokens
from ringback.job import Owner
from ringback.keys import demo_user
from tests.e2e_page.conftest import Invite
from tests.rig import Rig, until

LIFETIME = 20  #: seconds; below the minute before which a page is warned
REMEMBERED = "JSON.parse(sessionStorage.getItem('ringback.session')).token"


def _token(rig: Rig, email: str, lifetime: int = 3_600) -> str:
    return Tokens(rig.settings).issue(Owner(id=demo_user(email), email=email), lifetime=lifetime)


def test_a_page_of_an_app_goes_on_with_the_token_that_the_apps_script_gives_it(
    invite: Invite, rig: Rig
) -> None:
    person = invite("embedded")
    short, fresh = _token(rig, person.email, LIFETIME), _token(rig, person.email)
    person.context.add_init_script(
        "addEventListener('ringback:expiring', "
        f"(event) => event.detail.refresh({json.dumps(fresh)}));"
    )
    page = person.open(f"/#token={short}")
    until(lambda: page.evaluate(REMEMBERED) == fresh, what="the app's token is shown")


def test_a_page_of_the_dev_sign_in_gets_its_new_token_there(invite: Invite, rig: Rig) -> None:
    person = invite("renewed")
    short = _token(rig, person.email, LIFETIME)
    session = json.dumps({"token": short, "email": person.email, "name": "", "dev": True})
    person.context.add_init_script(
        "if (location.host && !localStorage.getItem('ringback.session')) "
        f"localStorage.setItem('ringback.session', {json.dumps(session)});"
    )
    page = person.open()
    remembered = "JSON.parse(localStorage.getItem('ringback.session')).token"
    until(lambda: page.evaluate(remembered) != short, what="a new token is remembered")
