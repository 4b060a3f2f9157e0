"""A small shop in which every kind of event happens, many of them on the very bound of a window."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle

import pandas as pd

from handrail.acts import (
    attending,
    claiming,
    deciding,
    disputing,
    drawing,
    escalating,
    importing,
    labelling,
    pausing,
    training,
    undoing,
)
from handrail.case import Outcome
from handrail.dead_mans_switch import WATCHES
from handrail.policy import LabelRules
from handrail.policy.watch import FairnessRules
from handrail.ruling import Ruling
from handrail.store import cases, schema, staff
from handrail.store.engine import Store
from handrail.workspace import Workspace
from tasks.occasion import enter
from tasks.views.measure import watched_kpis
from tasks.watch.agreement import compare_people, look_at_reviewers
from tasks.watch.audit_reading import read_audits
from tasks.watch.blind_share import read_blind_share
from tasks.watch.breaker import look as look_at_breaker
from tasks.watch.drift import watch
from tasks.watch.fairness import compare_groups
from tests.contesting import TOLD, send
from tests.scenes import FLOW, MANAGER, NOW, POLICY, Scene

BEGAN = NOW
AT = NOW + timedelta(days=61, hours=5, minutes=37, microseconds=11)
"""When everybody looks: no whole number of weeks or days after the beginning."""
INSTANT = timedelta(microseconds=1)
DAY, HOUR, WEEK = timedelta(days=1), timedelta(hours=1), timedelta(weeks=1)
SHADOW = {"queue": "C", "reason": "stage_shadow", "stage": "shadow", "suggestion_hidden": True}
SECRET = b"a key of thirty-two bytes or so."
BOUNDS = (AT, AT - WEEK, AT - WEEK + INSTANT, AT - 2 * WEEK, AT - 4 * WEEK, AT - 4 * WEEK + INSTANT, AT - 12 * DAY)


class World(Scene):
    """The shop with rechecks and gold cases, whose people are timed."""

    policy = POLICY.model_copy(
        update={
            "labels": LabelRules(
                second_share=1.0,
                gold_cases=3,
                gold_share=1.0,
                gold_window=5,
                seeded_wrong=0.0,
                settle_differences=False,
            ),
            "fairness": FairnessRules(groups=("channel",)),
        }
    )

    def __init__(self, store: Store) -> None:
        super().__init__(store, self.policy)
        self.add_person("cara", "data_curator")
        with store.write() as connection:  # a recheck is for those whose training still counts
            for name in ("rita", "ruth", "ron", "remo", MANAGER):
                roles = ["reviewer", *(["escalation_manager"] if name == MANAGER else [])]
                staff.save_person(connection, name=name, roles=roles, trained_until=AT + 30 * DAY, active=True)

    def rule(  # type: ignore[override]
        self, claim: claiming.Claim, outcome: str = "approve", actor: str = "rita", at: datetime = NOW, **ruling: object
    ) -> int:
        """Decide claimed work; the decision's number."""
        one = Ruling(claim.item_id, claim.fence, Outcome(outcome), **ruling)  # type: ignore[arg-type]
        (number,) = deciding.decide(self.store, [one], actor, policy=self.policy, now=at, secret=SECRET)
        return number

    def draw(self, ids: Sequence[int], at: datetime, chance: float, *, random: bool, category: str = "refund") -> None:
        """Draw an audit of each with this chance."""
        draws = pd.DataFrame(
            {
                "case_id": list(ids),
                "category": category,
                "drawn": True,
                "random": random,
                "stratum": "random" if random else "low_confidence",
                "inclusion_probability": chance,
            }
        )
        drawing.draw_audits(self.store, draws, seed=7, policy=self.policy, actor=FLOW, now=at)


def build(workspace: Workspace) -> None:
    """Let it all happen."""
    workspace.create()
    store = Store(workspace.database_url)
    store.upgrade()
    world = World(store)
    _arrive(world)
    _in_shadow(world)
    _suggested(world)
    _automated(world)
    _afterwards(world)
    store.dispose()


def look(workspace: Workspace) -> None:
    """Let every watch look once, at `AT`."""
    occasion = enter(workspace, FLOW, AT)
    read_audits(occasion)
    look_at_breaker(occasion)
    read_blind_share(occasion)
    watch(occasion, timedelta(days=7))
    compare_groups(occasion, 28 * DAY)
    compare_people(occasion, 28 * DAY)
    look_at_reviewers(occasion, 28 * DAY)
    watched_kpis(occasion, 28 * DAY)
    occasion.store.dispose()


def _arrive(world: World) -> None:
    """History, rows that cannot be read, and gold cases: none of them is ever routed."""
    world.accepted(3, BEGAN, label="refund", history=True)
    world.take_in(bad=["bad-1", "bad-2"], file="spoilt", at=BEGAN)
    rows = pd.DataFrame({"text": [f"gold letter {n}" for n in range(3)], "label": "refund"})
    labelling.write(world.store, rows, actor="cara", policy=world.policy, now=BEGAN)


def _in_shadow(world: World) -> None:
    """Forty cases by hand, most of them timed, most of them rechecked, some otherwise."""
    ids = world.scored(40, at=BEGAN)
    world.assign(ids, BEGAN, **SHADOW)
    for number, case_id in enumerate(ids[:38]):
        seconds = None if number % 12 == 5 else 45.0 + number
        label = "tracking" if number % 9 == 0 else "refund"
        world.decide(case_id, "override", "rita", BEGAN + HOUR * (1 + number), label=label, seconds=seconds)
    for number, case_id in enumerate(ids[:34]):
        label = "complaint" if number % 11 == 3 else "tracking" if number % 9 == 0 else "refund"
        world.decide(case_id, "override", "ruth", BEGAN + 4 * DAY, label=label, seconds=50.0)


def _suggested(world: World) -> None:
    """Suggestions: followed, overridden, denied, undone, looked at twice; half of them blind, some on the bounds."""
    people = cycle(("rita", "ruth", "ron"))
    for number, at in enumerate((*BOUNDS, *(AT - DAY * days for days in (2, 5, 9, 16, 23, 26)))):
        hidden = bool(number % 2)
        first, second, third = world.waiting(3, at=at - HOUR, stage="suggest", suggestion_hidden=hidden)
        person = next(people)
        agree = ("override", {"label": "refund"}) if hidden else ("approve", {})
        world.decide(first, agree[0], person, at, seconds=20.0 + number, **agree[1])
        world.decide(second, "override", person, at, label="tracking", seconds=31.0)
        reason = "legal" if number % 3 == 0 else "out_of_scope"
        world.decide(third, "deny", person, at, reason_code=reason)
        if number == 3:
            world.decide(third, "deny", MANAGER, at + HOUR, reason_code="legal")
    rechecks = [row["case_id"] for row in world.rows(schema.WorkItem, kind="recheck", state="open")][-9:]
    for number, case_id in enumerate(rechecks):
        label = "complaint" if number == 4 else "refund"
        world.decide(case_id, "override", "remo", AT - DAY, label=label, seconds=48.0)
    (undone,) = world.waiting(1, at=AT - 3 * DAY, stage="suggest")
    number = world.rule(world.claim(undone, "ron", AT - 2 * DAY), "approve", "ron", AT - 2 * DAY)
    undoing.undo(world.store, [number], "ron", policy=world.policy, now=AT - 2 * DAY + timedelta(seconds=5))
    (grave,) = world.waiting(1, at=AT - 6 * DAY, stage="suggest")
    world.decide(grave, "override", "rita", AT - 5 * DAY, label="cancel", seconds=90.0)
    world.decide(grave, "override", "ruth", AT - 4 * DAY, label="cancel", seconds=80.0)


def _automated(world: World) -> None:
    """Approvals on the bounds; audits of two chances, wrong ones only in the stratum; a pause that takes two back."""
    for at in BOUNDS:
        ids = world.automatic(5, at=at, fields={"channel": "app"})
        world.draw(ids[:3], at, 0.05, random=True)
        world.draw(ids[3:4], at, 0.4, random=False)
    ids = world.automatic(6, "tracking", at=AT - 10 * DAY)
    world.draw(ids[:4], AT - 10 * DAY, 0.09, random=True, category="tracking")
    for name in WATCHES:  # whoever sends asks whether somebody looks
        attending.note_watch(world.store, name, actor=FLOW, now=AT - 8 * DAY)
    send(world, AT - 8 * DAY)
    audits = [row["case_id"] for row in world.rows(schema.WorkItem) if row["kind"] == "audit"]
    draws = {row["case_id"]: row for row in world.rows(schema.AuditDraw)}
    for number, case_id in enumerate(audits):
        # One audit in ten is not done yet; of those drawn on a bound the audit is decided on a bound as well.
        if number % 10 == 9:
            continue
        drawn = draws[case_id]
        at = drawn["drawn_at"] if number % 2 else max(drawn["drawn_at"], AT - WEEK)
        said = "refund" if number % 4 else "tracking"
        right = "tracking" if drawn["case_id"] in ids else "refund"
        world.decide(case_id, "override", "remo", at, label=right if drawn["random"] else said, seconds=25.0)
    world.automatic(2, "complaint", at=AT - 4 * DAY)
    pausing.pause(world.store, "complaint", reason="an outage", policy=world.policy, actor="stella", now=AT - 4 * DAY)


def _afterwards(world: World) -> None:
    """Disputes, outcomes on the bounds, answers to gold cases, missed SLAs, erased inputs, and people who left."""
    sent = [row["case_id"] for row in world.rows(schema.Outbox) if row["automatic"] and row["state"] == "done"]
    overturned, upheld, contested = sent[:3]
    for case_id, at in ((overturned, AT - 3 * DAY), (upheld, AT - 3 * DAY), (contested, AT - DAY)):
        disputing.open_dispute(
            world.store, case_id, "I never asked for this", actor="rita", policy=world.policy, now=at
        )
    for case_id, outcome, ruling in (
        (overturned, "override", {"label": "complaint", "reason_code": "wrong_category"}),
        (upheld, "approve", {}),
    ):
        claim = claiming.claim_case(
            world.store, case_id, MANAGER, policy=world.policy, now=AT - 2 * DAY, kinds=["dispute"]
        )
        one = Ruling(claim.item_id, claim.fence, Outcome(outcome), answer=TOLD, **ruling)  # type: ignore[arg-type]
        disputing.resolve(world.store, one, MANAGER, policy=world.policy, now=AT - 2 * DAY, secret=SECRET)
    rows = [(sent[3], "csat", 4.0, AT), (sent[3], "csat", 2.0, AT - DAY), (sent[4], "csat", 5.0, AT - WEEK)]
    rows += [(sent[5], "complaint", None, AT - WEEK + INSTANT), (sent[6], "closed", None, AT - 4 * WEEK)]
    outcomes = pd.DataFrame(rows, columns=["case_id", "kind", "value", "at"])
    importing.import_outcomes(world.store, outcomes, actor="stella", now=AT)
    for _ in range(2):
        assert training.slip_in(world.store, "rita", policy=world.policy, secret=SECRET, now=AT - 2 * DAY)
        (claim,) = claiming.claim(
            world.store, "rita", policy=world.policy, now=AT - 2 * DAY, limit=1, kinds=["gold", "review"]
        )
        world.rule(claim, "override", "rita", AT - 2 * DAY, label="refund", seconds=33.0)
    escalating.escalate_breaches(world.store, policy=world.policy, actor=FLOW, now=AT - DAY)
    with world.store.write() as connection:
        cases.delete_inputs(connection, sent[7:9])
        ruth = next(row for row in world.rows(schema.Person) if row["name"] == "ruth")
        staff.save_person(connection, name="ruth", roles=[], trained_until=ruth["trained_until"], active=False)
