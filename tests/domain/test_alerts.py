"""What counts as trouble, how bad it is, and what is said."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.alerts import ALL, NEARLY, AlertFacts, Conduct, Severity, Trouble, troubles
from handrail.dead_mans_switch import WATCHES, silences
from handrail.governing import Alteration
from handrail.watches import BY_NAME, STEADY, Off, WatchStatus

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SILENT = timedelta(hours=30)
QUIET = AlertFacts(NOW, SILENT, heard=dict.fromkeys(WATCHES, NOW))


def only(**seen: object) -> Trouble:
    """The one trouble of a situation that differs from a quiet one in this."""
    (found,) = troubles(replace(QUIET, **seen))  # type: ignore[arg-type]
    return found


def heard(silence: timedelta) -> list[tuple[str, str]]:
    beats = {**QUIET.heard, "sla_watch": NOW - silence}
    return [(one.kind, one.subject) for one in troubles(replace(QUIET, heard=beats))]


EVERYTHING = AlertFacts(
    NOW,
    SILENT,
    breakers={"refund": 4, "other": None},
    alarms={
        "breaker": ["refund", "tracking"],
        "audits": ["tracking"],
        "blind_share": ["tracking"],
        "fairness": ["region"],
        "agreement": [ALL, "refund"],
    },
    conduct=Conduct(2, {"glances": 1, "deceived": 2}, shared=("bias",)),
    drift=3,
    late={"B": 1200, "C": 1},
    escalations=2,
    gates={"promotion": "promotion", "x": "y"},
    stopped=[12],
    outbox={"dead": 1, "unknown": 2, "waiting": 3},
    unavailable="7",
    deleted="7",
    alias_moved=True,
    heard={"sla_watch": NOW - 2 * SILENT, "quality_watch": NOW - 0.95 * SILENT, "audit_sampling": NOW},
    channels={"ops": 2},
    unreadable=True,
    steady_since=NOW - STEADY,
    looks=[
        WatchStatus(BY_NAME["sla_watch"], off=Off.PAUSED, overdue_since=NOW),
        WatchStatus(BY_NAME["retention"], failed_since=NOW),
        WatchStatus(BY_NAME["drift_detection"], NOW, failed_since=NOW, error="refused"),
        WatchStatus(BY_NAME["kpi_report"], NOW, overdue_since=NOW),
    ],
)


def test_where_nothing_is_wrong_nothing_is_said() -> None:
    assert troubles(QUIET) == []
    assert troubles(replace(QUIET, late={"B": 0}, outbox={"dead": 0}, conduct=Conduct())) == []


def test_every_trouble_ends_with_what_to_do_and_the_worst_come_first() -> None:
    found = troubles(EVERYTHING)
    assert {one.kind for one in found} == {
        "breaker",
        "error_spike",
        "blind_share",
        "fairness",
        "agreement",
        "reviewers",
        "drift",
        "sla",
        "delivery",
        "gate",
        "outbox",
        "model_unavailable",
        "model_deleted",
        "alias_moved",
        "watch_silent",
        "watch_late",
        "channel",
        "channels",
        "watch_off",
        "watch_failing",
        "watch_overdue",
    }
    for one in found:
        last = re.split(r"(?<=[.:?]) ", one.sentence, maxsplit=1)[-1]
        assert "handrail " in last or "desk's page" in last, one.sentence
        assert one.sentence.endswith(".")
    assert [one.severity.reaches("critical") for one in found] == sorted(
        (one.severity.reaches("critical") for one in found), reverse=True
    )


def test_no_two_troubles_share_kind_and_subject() -> None:
    keys = [(one.kind, one.subject) for one in troubles(EVERYTHING)]
    assert len(keys) == len(set(keys))


def test_a_category_that_the_breaker_paused_is_no_error_spike_beside_it() -> None:
    found = {(one.kind, one.subject) for one in troubles(EVERYTHING)}
    assert ("error_spike", "tracking") in found
    assert ("error_spike", "refund") not in found


def test_a_pause_names_its_model_review() -> None:
    assert "`handrail review close 4`" in only(breakers={"refund": 4}).sentence
    assert "handrail resume" in only(breakers={"refund": None}).sentence


def test_reviewers_are_counted_and_never_named() -> None:
    found = only(conduct=Conduct(2, {"glances": 1, "deceived": 2}))
    assert found.subject == ALL
    assert found.sentence.startswith(
        "Seen in how 2 reviewers work: decisions faster than anybody reads (1), wrong suggestions taken over (2)."
    )
    alone = only(conduct=Conduct(1, {"accuracy": 1})).sentence
    assert alone.startswith("Seen in how 1 reviewer works: often wrong without help. ")


def test_what_all_reviewers_share_blames_nobody() -> None:
    found = only(conduct=Conduct(shared=("bias",)))
    assert found.sentence.startswith("Seen in how all reviewers together work: cases of one group turned into")
    assert "1 reviewer" not in found.sentence
    assert "rita" not in found.sentence


def test_a_breaker_that_could_not_be_read_is_critical_for_each_category() -> None:
    found = troubles(replace(QUIET, unread={"breaker": ["refund", "tracking"]}))
    assert [(one.kind, one.subject, one.severity) for one in found] == [
        ("breaker_unread", "refund", Severity.CRITICAL),
        ("breaker_unread", "tracking", Severity.CRITICAL),
    ]
    assert all("nothing of it is approved automatically" in one.sentence for one in found)


def test_what_another_watch_could_not_read_is_one_warning_a_watch() -> None:
    found = only(unread={"fairness": ["region", "sales_channel"]})
    assert (found.kind, found.subject, found.severity) == ("watch_unread", "fairness", Severity.WARNING)
    assert "silent about region, sales channel" in found.sentence
    people = only(unread={"reviewers": ["rita"]})
    assert ("rita" in people.sentence, "1 reviewer" in people.sentence) == (False, True)
    assert "everything together" in only(unread={"audits": [ALL]}).sentence
    assert troubles(replace(QUIET, unread={"drift": []})) == []


def test_one_alert_a_queue_says_how_many() -> None:
    assert only(late={"B": 1200}).sentence.startswith("1,200 open cases in queue B are past")
    assert only(late={"C": 1}).sentence.startswith("1 open case in queue C is past")
    assert only(escalations=1).severity is Severity.CRITICAL


def test_the_dead_mans_switch_is_told_before_it_falls_and_when_it_has() -> None:
    assert heard(NEARLY * SILENT) == []
    assert heard(NEARLY * SILENT + timedelta(seconds=1)) == [("watch_late", "sla_watch")]
    assert heard(SILENT) == [("watch_late", "sla_watch")]
    assert heard(SILENT + timedelta(seconds=1)) == [("watch_silent", "sla_watch")]
    assert heard(-timedelta(hours=1)) == [], "a clock that went back is no silence"


@given(st.lists(st.integers(0, 80 * 3600), min_size=3, max_size=3))
def test_a_watch_is_told_as_silent_exactly_when_automation_is_held(ages: list[int]) -> None:
    beats = {name: NOW - timedelta(seconds=ago) for name, ago in zip(WATCHES, ages, strict=True)}
    silent = [one.subject for one in troubles(replace(QUIET, heard=beats)) if one.kind == "watch_silent"]
    held = silences(beats, {"refund": NOW - timedelta(days=90)}, SILENT, NOW)
    assert sorted(silent) == sorted(one.watch for one in held)


def test_a_watch_that_never_ran_is_told_when_its_time_from_the_first_raise_is_over() -> None:
    never = {name: at for name, at in QUIET.heard.items() if name != "sla_watch"}

    def said(ago: timedelta, **seen: object) -> list[tuple[str, str]]:
        quiet = replace(QUIET, heard=never, began=NOW - timedelta(days=90), raised={"refund": NOW - ago})
        return [(one.kind, one.sentence) for one in troubles(replace(quiet, **seen))]  # type: ignore[arg-type]

    assert said(NEARLY * SILENT) == []
    assert [kind for kind, _ in said(SILENT)] == ["watch_late"]
    ((kind, sentence),) = said(SILENT + timedelta(seconds=1))
    assert kind == "watch_silent"
    assert "“sla watch” has never run since" in sentence
    assert "held for refund" in sentence
    ((kind, sentence),) = said(SILENT, raised={})
    assert (kind, "has never run. Nothing is approved" in sentence) == ("watch_silent", True), "since the beginning"
    assert said(SILENT, raised={}, began=None) == []


def test_a_success_that_is_still_to_come_is_no_calm() -> None:
    assert heard(-SILENT) == []
    assert heard(-SILENT - timedelta(seconds=1)) == [("watch_silent", "sla_watch")]


def test_what_was_changed_outside_is_critical_and_says_what_to_do() -> None:
    found = only(altered=(Alteration("policy", None, "It was changed. Publish it with `handrail policy publish`."),))
    assert (found.kind, found.subject, found.severity) == ("policy_altered", ALL, Severity.CRITICAL)
    stage = only(altered=(Alteration("stage", "refund", "It was changed. Set it with `handrail stage`."),))
    assert (stage.kind, stage.subject) == ("stage_altered", "refund")


@pytest.mark.parametrize(
    ("severity", "bound", "is_told"),
    [
        (Severity.INFO, "warning", False),
        (Severity.WARNING, "warning", True),
        (Severity.CRITICAL, "warning", True),
        (Severity.WARNING, "critical", False),
        (Severity.INFO, "info", True),
    ],
)
def test_severities_are_ordered(severity: Severity, bound: str, is_told: bool) -> None:
    assert severity.reaches(bound) == is_told
