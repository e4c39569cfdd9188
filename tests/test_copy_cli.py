"""Published copy from a shell: what there is, and the way back."""

from __future__ import annotations

from subprocess import CompletedProcess

from ringback import audit, editions
from ringback.library import Library
from tests.rig import Rig


def run(rig: Rig, *args: str) -> CompletedProcess[str]:
    ran = rig.cli("templates", *args)
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran


def publish(rig: Rig, subject: str, base: int) -> None:
    files = {"subject.txt": subject}
    rig.do(editions.publish("failed", files, "amy", f"it was {base} [/b]", base, subject))


def test_operators_see_what_is_published_and_go_back(own_rig: Rig) -> None:
    assert run(own_rig, "published").stdout == "Nothing is published.\n"
    assert run(own_rig, "published", "failed").stdout == "failed was never published.\n"
    publish(own_rig, "First", 0)
    publish(own_rig, "Second", 1)
    listed = run(own_rig, "published").stdout.splitlines()
    assert len(listed) == 2
    assert {"failed", "2", "amy", "it was 1 [/b]"} <= set(map(str.strip, listed[1].split("  ")))
    back = run(own_rig, "rollback", "failed", "1", "--reason", "too short")
    assert back.stdout == "failed is as in revision 1 again; that is revision 3.\n"
    assert own_rig.do(Library().at())["failed"].files == {"subject.txt": "First"}
    gone = run(own_rig, "rollback", "failed", "0", "--reason", "wrong")
    assert gone.stdout == "failed is withdrawn; that is revision 4.\n"
    assert own_rig.do(Library().at()) == {}
    told = run(own_rig, "published", "failed").stdout
    assert [line.split()[1] for line in told.splitlines()[1:]] == ["4", "3", "2", "1"]
    assert "withdrawn. wrong" in told
    assert "as revision 1. too short" in told
    entries = own_rig.do(audit.entries(2))
    assert [(it.what, it.why) for it in entries] == [
        ("withdraw copy “failed”", "wrong"), ("roll back copy “failed” to 1", "too short"),
    ]  # fmt: skip
    assert all("@" in it.who for it in entries)


def test_a_way_back_that_is_none_is_told(own_rig: Rig) -> None:
    def told(*args: str) -> tuple[int, str]:
        ran = run(own_rig, "rollback", *args)
        return ran.returncode, " ".join(ran.stderr.split())

    status, text = told("faild", "1", "--reason", "x")
    assert (status, "faild was never published" in text) == (2, True)
    publish(own_rig, "First", 0)
    status, text = told("failed", "7", "--reason", "x")
    assert (status, "There is no revision 7 of “failed”." in text) == (2, True)
    status, text = told("failed", "1", "--reason", " ")
    assert (status, "must say why" in text) == (2, True)
    assert told("failed", "1")[0] == 2
