"""The simulated people at work: they claim what waits and decide it, as at the desk."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from handrail.acts import claiming, deciding, employing, labelling, training
from handrail.acts.claiming import Claim
from handrail.errors import Conflict, Refused
from handrail.labels import Status, status
from handrail.policy import Policy
from handrail.ruling import Ruling
from handrail.store import cases, reviews, routes
from handrail.store import labels as label_rows
from handrail.store import staff as staff_rows
from tasks.learning.label import give_test
from tasks.occasion import Occasion
from tasks.rehearsal.people import OWNER, STEWARD, Luck, SimulatedReviewer, in_charge
from tasks.rehearsal.simulate import ruling

AT_A_TIME = 5
"""Cases that somebody takes to their desk together."""
FIRST_LOOKS = ("review", "audit", "gold")
LATER_LOOKS = ("second", "recheck", "adjudication", "escalation")
CURATED = 20
"""Disputed labels that the curator settles in one sitting, at most."""
GOLD_FOR_EACH = 4
"""Times the cases of one test are attested: a test, and cases that people never met among their work."""
GOLD_AT_MOST = 0.2
"""Share of the history."""


class People:
    """Everybody with what only they know: the truth of each case."""

    def __init__(self, people: Sequence[SimulatedReviewer], truth: Mapping[str, str], chance: Luck) -> None:
        """`truth` maps an external id to its category."""
        self.people, self._truth, self._chance = list(people), truth, chance
        self._manager = in_charge(people)
        self._left: dict[str, int] = {}

    def employ(self, occasion: Occasion) -> None:
        """Register them, untrained all; the founder is steward and curator."""
        roles = {person.name: ["reviewer"] for person in self.people} | {OWNER: ["product_owner"]}
        roles[self._manager.name] = ["escalation_manager", "reviewer"]
        for name, theirs in roles.items():
            employing.add_person(
                occasion.store, name, roles=theirs, trained_until=None, actor=STEWARD, now=occasion.now
            )

    def test_everybody(self, occasion: Occasion) -> int:
        """Test all of them; returns how many passed. Who fails stays untrained, and may try again."""
        for person in self.people:
            try:
                give_test(occasion, person.name)
            except Refused:
                return 0  # too few gold cases for anybody
            self._work(occasion, person, 1_000_000, ("gold",))
        with occasion.store.read() as connection:
            return sum(bool(test.passed) for test in label_rows.last_tests(connection).values())

    def begin_day(self) -> None:
        """Everybody is rested."""
        self._left = {person.name: person.a_day for person in self.people}

    def try_again(self, occasion: Occasion, present: Sequence[SimulatedReviewer]) -> None:
        """Let whoever is not trained begin another test, as soon as the policy allows it."""
        with occasion.store.read() as connection:
            until = {person.name: staff_rows.person(connection, person.name) for person in present}
        for person in present:
            row = until[person.name]
            if row is not None and status(row.trained_until, occasion.now) is Status.ACCEPTED:
                continue
            try:
                rng = self._chance.of("test", person.name, occasion.now.isoformat())
                training.begin(occasion.store, person.name, policy=occasion.policy, now=occasion.now, rng=rng)
            except (Refused, Conflict):
                continue  # too recent, unfinished, or no gold case is left that is new to them

    def sit(self, occasion: Occasion, present: Sequence[SimulatedReviewer], *, everything: bool) -> int:
        """Let those present work until nothing waits for them or their day is over; returns how much they did.

        Second looks and escalations are done by who is in charge of them; with `everything`, what is left of them
        afterwards by anybody who may.
        """
        done = 0
        if self._manager in present:
            done += self._one(occasion, self._manager, LATER_LOOKS)
        # Whose own label is disputed settles nothing: then the curator does, as careful as the one in charge.
        done += self._work(occasion, self._manager.model_copy(update={"name": STEWARD}), CURATED, ("adjudication",))
        done += self._share(occasion, present, FIRST_LOOKS)
        if everything:
            done += self._share(occasion, present, (*FIRST_LOOKS, *LATER_LOOKS))
        return done

    def _one(self, occasion: Occasion, person: SimulatedReviewer, kinds: Sequence[str]) -> int:
        done = self._work(occasion, person, self._left[person.name], kinds)
        self._left[person.name] -= done
        return done

    def _share(self, occasion: Occasion, present: Sequence[SimulatedReviewer], kinds: Sequence[str]) -> int:
        """By turns, a few cases each, so that one who is first does not do everything."""
        done, waiting = 0, list(present)
        while waiting:
            still = []
            for person in waiting:
                count = self._work(occasion, person, min(AT_A_TIME, self._left[person.name]), kinds)
                self._left[person.name] -= count
                done += count
                if count and self._left[person.name] > 0:
                    still.append(person)
            waiting = still
        return done

    def _work(self, occasion: Occasion, person: SimulatedReviewer, most: int, kinds: Sequence[str]) -> int:
        """Claim and decide up to `most`; as much at a time as the policy lets one person hold."""
        done = 0
        while done < most:
            limit = min(most - done, occasion.policy.desk.most_held)
            if "review" in kinds:
                rules = _for_several(occasion.policy, limit)
                training.slip_in(occasion.store, person.name, policy=rules, secret=occasion.secret, now=occasion.now)
            claims = claiming.claim(
                occasion.store, person.name, policy=occasion.policy, now=occasion.now, limit=limit, kinds=kinds
            )
            if not claims:
                break
            rulings = self._rulings(occasion, person, claims)
            deciding.decide(
                occasion.store,
                rulings,
                person.name,
                policy=occasion.policy,
                now=occasion.now,
                secret=occasion.secret,
            )
            done += len(rulings)
        return done

    def _rulings(self, occasion: Occasion, person: SimulatedReviewer, claims: Sequence[Claim]) -> list[Ruling]:
        ids = [claim.case_id for claim in claims]
        with occasion.store.read() as connection:
            proposals = routes.proposals(connection, ids).set_index("case_id")
            gold = label_rows.attested(connection, ids)
            seeded = {
                claim.case_id: reviews.seeded(connection, claim.item_id)[0] for claim in claims if claim.case_id in gold
            }
        categories = list(occasion.policy.categories)
        rulings = []
        for claim in claims:
            is_gold = claim.case_id in gold
            external_id = str(proposals.loc[claim.case_id, "external_id"])
            proposed = seeded[claim.case_id] if is_gold else _text(proposals.loc[claim.case_id, "category"])
            truth = gold[claim.case_id] if is_gold else self._truth[external_id]
            shown = None if claim.suggestion_hidden else proposed
            rng = self._chance.of(person.name, external_id, claim.kind, claim.item_id if is_gold else "")
            label = person.answer(truth, shown, categories, rng)
            rulings.append(ruling(claim, label, proposed, "", person.time(rng)))
        return rulings


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _for_several(policy: Policy, cases_together: int) -> Policy:
    """The policy under which one draw for several cases slips in as many gold cases as a draw before each would."""
    share = min(1.0, policy.labels.gold_share * cases_together)
    return policy.model_copy(update={"labels": policy.labels.model_copy(update={"gold_share": share})})


def attest_gold(occasion: Occasion, source: str, history: pd.DataFrame, rng: np.random.Generator) -> int:
    """Let the curator attest cases drawn from the history, which then never train; returns how many.

    `history` has external_id, text and truth. As many as four tests need, and a fifth of the history at most.
    """
    history = history[history["text"].str.strip() != ""]
    wanted = min(GOLD_FOR_EACH * occasion.policy.labels.gold_cases, int(len(history) * GOLD_AT_MOST))
    drawn = history.iloc[rng.permutation(len(history))[:wanted]]
    with occasion.store.read() as connection:
        entered = cases.known(connection, source, drawn["external_id"].tolist())
    for external_id, label in zip(drawn["external_id"], drawn["truth"], strict=True):
        case = entered.get(external_id)
        if case is not None:
            labelling.attest(occasion.store, case.id, label, policy=occasion.policy, actor=STEWARD, now=occasion.now)
    return len(drawn)
