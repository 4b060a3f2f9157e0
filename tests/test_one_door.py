"""What a customer wrote is read by the door and by what is named here; a new query has to say what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

STORE = Path(__file__).resolve().parent.parent / "handrail" / "store"
CONTENT = {
    ("CaseInput", "redacted"),
    ("CaseInput", "text"),
    ("CaseInput", "__table__"),
    ("Case", "fields"),
    ("Case", "__table__"),
    ("GivenPrediction", "label"),
    ("GivenPrediction", "confidence"),
    ("GivenPrediction", "__table__"),
}
"""Columns that say what a customer wrote, what is mapped beside it, and what somebody else's model said."""
NAMED_OTHERWISE = {"customers"}
"""Modules that call the tables by another name: the customer's earlier cases, without any content."""
THE_DOOR = "readable"
ELSEWHERE = {
    "cases._PICKED": "the raw text for redaction; of the redacted one only whether it is there",
    "cases._SHOWN": "a reviewer",
    "disputes.told": "the letter to the customer",
    "dossier._case": "the page of a case",
    "dossier.raw": "who may see the raw text",
    "reviews.approvable": "the preview of a bulk approval",
    "withdrawals.unlabelled": "which cases can be labelled again: whether their text is still there",
    "search.contains": "people search",
    "search.rows_of": "what people found",
    "labels.attestable": "a curator",
    "labels.testable": "tests of people",
    "reviewer_quality._unseen": "tests of people",
    "reviewer_quality.candidates": "which gold case looks like ordinary work: names of fields",
    "reviewer_quality.commonplace": "what a letter written for a test has in common with the newest cases",
    "reviewer_quality.next_ordinary": "as candidates",
    "cases.unredacted": "redaction",
    "changes.standing": "whether a case that comes again says the same, and what is kept of it for people",
    "changes.others": "whether another source brought the same request",
    "inbox.is_on_the_way": "whether a changed text still waits for its redaction",
    "routes.proposals": "outcomes are told by group",
    "decisions.decided": "fairness of decisions, people's too",
    "reviewer_decisions.decisions": "how people decide",
    "transactions._PLACE": "KPIs by channel",
    "audits.undrawn": "audits: strata of what was approved by itself",
    "audits.drawn_at": "the same draw, repeated",
    "audits.first_seen": "the same strata; a draw must come out alike whatever consent is withdrawn later",
}
"""Who reads content past the door, and why that is no model and no profile."""


def readers() -> Iterator[str]:
    """The functions and constants of the store that name a column of content."""
    for path in sorted(STORE.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if _named(node) & CONTENT:
                yield f"{path.stem}.{_name(node)}"


def _named(node: ast.stmt) -> set[tuple[str, str]]:
    attributes = (part for part in ast.walk(node) if isinstance(part, ast.Attribute))
    return {(part.value.id, part.attr) for part in attributes if isinstance(part.value, ast.Name)}


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    (target,) = node.targets if isinstance(node, ast.Assign) else (getattr(node, "target", None),)
    return target.id if isinstance(target, ast.Name) else "?"


def test_every_query_past_the_door_says_why_it_shows_no_model_what_a_customer_wrote() -> None:
    found = {name for name in readers() if not name.startswith(f"{THE_DOOR}.")}
    assert found == set(ELSEWHERE)


def test_no_other_module_hides_the_tables_behind_another_name() -> None:
    aliases = {
        path.stem
        for path in STORE.glob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("aliased(Case)", "aliased(CaseInput)"))
    }
    assert aliases == NAMED_OTHERWISE
