"""The only simulation: people of the sample business do the work that waits, and the world answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from handrail import drafts
from handrail.acts import claiming, deciding, employing, labelling, training
from handrail.acts.claiming import Claim
from handrail.case import Outcome
from handrail.ruling import Ruling
from handrail.sample import OUT_OF_SCOPE, Reviewer, SampleBusiness, outcomes
from handrail.store import decisions, reviews, routes
from handrail.store import labels as label_rows
from handrail.window import Window
from tasks.learning.label import give_test, write_gold
from tasks.occasion import Occasion

MANAGER = "mona"
STEWARD = "stella"
OWNER = "olga"
"""The second person, where an act takes two."""
DELIVERED = ("external_id", "received_at", "text", "customer_id", "channel", "region", "tier", "amount", "consent")
REJECTED_AS = {"policy": "policy", "legal": "legal"}


def staff(occasion: Occasion, people: Sequence[Reviewer]) -> None:
    """Register reviewers, escalation manager and product owner, untrained all; the founder is steward and curator."""
    roles = {reviewer.name: ["reviewer"] for reviewer in people}
    roles |= {MANAGER: ["escalation_manager", "reviewer"], OWNER: ["product_owner"]}
    for name, theirs in roles.items():
        employing.add_person(occasion.store, name, roles=theirs, trained_until=None, actor=STEWARD, now=occasion.now)


def qualify(occasion: Occasion, gold: pd.DataFrame, people: Sequence[Reviewer], rng: np.random.Generator) -> int:
    """Write the gold cases and test everybody on them; returns how many passed. Who fails stays untrained.

    `gold` has text and label. They label as they do on any other day, the manager as the most careful of them.
    """
    write_gold(occasion, gold["text"].tolist(), gold["label"].tolist())
    attested = labelling.gold(occasion.store, actor=STEWARD).set_index("case_id")["label"]
    careful = max(people, key=lambda reviewer: reviewer.accuracy)
    for name, reviewer in {**{person.name: person for person in people}, MANAGER: careful}.items():
        give_test(occasion, name)
        _sit(occasion, name, reviewer, attested, rng)
    with occasion.store.read() as connection:
        return sum(bool(test.passed) for test in label_rows.last_tests(connection).values())


def _sit(
    occasion: Occasion, name: str, reviewer: Reviewer, attested: "pd.Series[str]", rng: np.random.Generator
) -> None:
    policy, now = occasion.policy, occasion.now
    while claims := claiming.claim(occasion.store, name, policy=policy, now=now, limit=len(attested), kinds=["gold"]):
        rulings = _answers(claims, reviewer, attested, rng)
        deciding.decide(occasion.store, rulings, name, policy=policy, now=now, secret=occasion.secret)


def _answers(
    claims: list[Claim], reviewer: Reviewer, attested: "pd.Series[str]", rng: np.random.Generator
) -> list[Ruling]:
    truth = attested.loc[[claim.case_id for claim in claims]].to_numpy()
    nothing = np.full(len(claims), "", dtype=object)
    answers, seconds = reviewer.decide(truth, nothing, np.zeros(len(claims), dtype=bool), nothing, 1, rng)
    return [
        ruling(claim, label, None, "", float(spent))
        for claim, label, spent in zip(claims, answers, seconds, strict=True)
    ]


def deliver_file(cases: pd.DataFrame, path: Path) -> None:
    """Write cases as the business's systems would deliver them: without any truth column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = cases["label"] if "label" in cases.columns else ""
    with drafts.draft(path) as place:
        cases[list(DELIVERED)].assign(label=known).to_json(
            place, orient="records", lines=True, date_format="iso", force_ascii=False
        )


class Staff:
    """The simulated people at work."""

    def __init__(self, business: SampleBusiness, people: Sequence[Reviewer], rng: np.random.Generator) -> None:
        """Give them the truth that only they know."""
        self._truth = business.cases.set_index("external_id")
        self._people = list(people)
        self._rng = rng

    def work(self, occasion: Occasion, week: int, capacity: int) -> int:
        """Let everybody decide up to `capacity` items each; audits go to the most careful one first."""
        careful = max(self._people, key=lambda reviewer: reviewer.accuracy)
        done = self._session(occasion, careful, careful.name, week, capacity, ["audit"])
        done += self._session(occasion, careful, MANAGER, week, capacity, ["escalation", "second", "adjudication"])
        for reviewer in self._people:
            done += self._session(occasion, reviewer, reviewer.name, week, capacity, ["review", "second", "recheck"])
        return done

    def review(self, occasion: Occasion, week: int, capacity: int) -> int:
        """Let the first of them decide up to `capacity` waiting reviews, and nobody anything else."""
        first = self._people[0]
        return self._session(occasion, first, first.name, week, capacity, ["review"])

    def _session(
        self, occasion: Occasion, reviewer: Reviewer, name: str, week: int, capacity: int, kinds: list[str]
    ) -> int:
        """Claim as much at a time as the policy lets one person hold, and decide it."""
        policy, now, done = occasion.policy, occasion.now, 0
        while done < capacity:
            if "review" in kinds:
                training.slip_in(occasion.store, name, policy=policy, secret=occasion.secret, now=now)
            claims = claiming.claim(occasion.store, name, policy=policy, now=now, limit=capacity - done, kinds=kinds)
            if not claims:
                break
            gold = self._known(occasion, claims)
            ordinary = [claim for claim in claims if claim.case_id not in gold]
            rulings = self._rulings(occasion, ordinary, reviewer, week) if ordinary else []
            rulings += [
                _on_gold(occasion, one, reviewer, gold[one.case_id], week) for one in claims if one.case_id in gold
            ]
            done += len(deciding.decide(occasion.store, rulings, name, policy=policy, now=now, secret=occasion.secret))
        return done

    @staticmethod
    def _known(occasion: Occasion, claims: list[Claim]) -> dict[int, str]:
        """Which of these are gold cases, with the category that was attested."""
        with occasion.store.read() as connection:
            return label_rows.attested(connection, [claim.case_id for claim in claims])

    def _rulings(self, occasion: Occasion, claims: list[Claim], reviewer: Reviewer, week: int) -> list[Ruling]:
        with occasion.store.read() as connection:
            proposals = routes.proposals(connection, [claim.case_id for claim in claims]).set_index("case_id")
        proposals = proposals.loc[[claim.case_id for claim in claims]]
        truth = self._truth.loc[proposals["external_id"]]
        visible = np.array([not claim.suggestion_hidden for claim in claims])
        labels, seconds = reviewer.decide(
            truth["truth_label"].to_numpy(),
            proposals["category"].to_numpy(),
            visible,
            truth["region"].to_numpy(),
            week,
            self._rng,
        )
        flags = truth["truth_flag"].to_numpy()
        return [
            ruling(claim, label, proposed, flag, float(spent))
            for claim, label, proposed, flag, spent in zip(
                claims, labels, proposals["category"], flags, seconds, strict=True
            )
        ]


def _on_gold(occasion: Occasion, claim: Claim, reviewer: Reviewer, attested: str, week: int) -> Ruling:
    """A gold case that was slipped in, with chance of its own, so that weeks stay comparable."""
    rng = np.random.default_rng([claim.item_id, claim.case_id])
    with occasion.store.read() as connection:
        shown, _ = reviews.seeded(connection, claim.item_id)
    labels, seconds = reviewer.decide([attested], [shown or ""], [shown is not None], [""], week, rng)
    return ruling(claim, str(labels[0]), shown, "", float(seconds[0]))


def ruling(claim: Claim, label: str, proposed: str | None, flag: str, seconds: float) -> Ruling:
    """Turn what a reviewer thinks into what they do at the desk."""
    if flag in REJECTED_AS and claim.kind == "review":
        return Ruling(claim.item_id, claim.fence, Outcome.DENY, reason_code=REJECTED_AS[flag], seconds=seconds)
    if label == OUT_OF_SCOPE:
        return Ruling(claim.item_id, claim.fence, Outcome.DENY, reason_code="out_of_scope", seconds=seconds)
    if label == proposed and not claim.suggestion_hidden:
        return Ruling(claim.item_id, claim.fence, Outcome.APPROVE, seconds=seconds)
    return Ruling(
        claim.item_id, claim.fence, Outcome.OVERRIDE, label=label, reason_code="wrong_category", seconds=seconds
    )


def write_outcomes(
    occasion: Occasion, business: SampleBusiness, window: Window, path: Path, rng: np.random.Generator
) -> int:
    """Write the outcomes that follow the window's executed decisions and have come to pass; returns how many."""
    with occasion.store.read() as connection:
        done = decisions.executed(connection, window)
    done = done.drop_duplicates("external_id", keep="last")
    found = outcomes(business.cases, done, rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    with drafts.draft(path) as place:
        found.to_csv(place, index=False)
    return len(found)


def automatic_errors(occasion: Occasion, business: SampleBusiness, window: Window) -> tuple[int, int]:
    """Auto-approvals of the window, and how many of them the ground truth calls wrong."""
    with occasion.store.read() as connection:
        done = decisions.executed(connection, window)
    automatic = done[done["automatic"]].merge(business.cases[["external_id", "truth_label"]], on="external_id")
    return len(automatic), int((automatic["executed_label"] != automatic["truth_label"]).sum())
