"""A customer contests a decision, and somebody else settles it, at the terminal."""

from tests.workspaces import NINE, Handrail

MANAGER = "mona"
TEN = "2026-01-12T10:00:00+00:00"


def automatic(handrail: Handrail) -> tuple[int, str]:
    """An automatic decision whose action went out: the case and its category."""
    (found, *_) = handrail.rows(
        "SELECT d.case_id, d.label FROM decisions d JOIN outbox o ON o.decision_id = d.id "
        "WHERE d.kind = 'automatic' AND o.state = 'done' ORDER BY d.id"
    )
    return int(found[0]), str(found[1])


def test_a_dispute_is_taken_down_explained_and_decided_otherwise(day: Handrail) -> None:
    case, category = automatic(day)
    other = "complaint" if category != "complaint" else "cancellation"
    opened = day.ask("dispute", "open", case, "--text", "Nobody asked me.", "--as-of", NINE, actor="rita")
    number = opened["dispute"]
    assert [row["case_id"] for row in day.ask("dispute", "list")] == [case]

    packet = str(day.ask("dispute", "show", number, "--as-of", NINE, actor=MANAGER))
    assert category.replace("_", " ") in packet
    assert "A computer decided" in packet
    assert not [name for name in ("rita", "mona", "omar") if name in packet]

    words = ("--label", other, "--reason", "wrong_category", "--answer", "You are right.", "--as-of", TEN)
    settled = day.ask("dispute", "resolve", number, "override", *words, actor=MANAGER)
    assert (settled["upheld"], settled["delivered"]) == (False, 1)
    assert day.ask("dispute", "list") == []
    assert day.rows(f"SELECT label, provenance FROM labels WHERE case_id = {case}") == [(other, "dispute")]  # noqa: S608
    assert day.ask("trail", "verify")["valid"]


def test_what_cannot_be_contested_is_refused_in_a_sentence(day: Handrail) -> None:
    waiting = day.waiting()[0]
    for words, said in (
        ((waiting, "--text", "no"), "not decided yet"),
        ((99_999, "--text", "no"), "no case 99999"),
        ((waiting,), "--text-file"),
    ):
        answer = day("dispute", "open", *words, "--as-of", NINE)
        assert answer.code == 1
        assert said in answer.err


def test_whoever_decided_first_is_told_that_another_must(day: Handrail) -> None:
    case = day.waiting()[0]
    day.ask("decide", case, "deny", "--reason", "out_of_scope", "--as-of", NINE, actor=MANAGER)
    number = day.ask("dispute", "open", case, "--text", "But I need it.", "--as-of", NINE)["dispute"]
    answer = day("dispute", "resolve", number, "approve", "--answer", "No.", "--as-of", NINE, actor=MANAGER)
    assert answer.code == 1
    assert "Another escalation manager has to look at it" in answer.err
