"""What a label is worth."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from handrail import labels
from handrail.labels import NO_CATEGORY, Status
from handrail.policy import LabelRules

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULES = LabelRules()


@pytest.mark.parametrize(
    ("until", "status"), [(None, Status.PROVISIONAL), (NOW, Status.PROVISIONAL), (NOW + SECOND, Status.ACCEPTED)]
)
def test_a_label_counts_while_the_training_does(until: datetime | None, status: Status) -> None:
    assert labels.status(until, NOW) is status


@pytest.mark.parametrize(
    ("ruling", "opinion"),
    [
        (("override", "refund", None), "refund"),
        (("approve", "refund", None), "refund"),
        (("deny", "refund", "legal"), "refund"),
        (("deny", None, "out_of_scope"), NO_CATEGORY),
        (("deny", None, "legal"), None),
    ],
)
def test_a_denial_is_an_opinion_on_the_category_unless_it_escalates(
    ruling: tuple[str, str | None, str | None], opinion: str | None
) -> None:
    assert labels.opinion(*ruling, ("legal", "policy")) == opinion


@pytest.mark.parametrize(("right", "judged", "passed"), [(17, 20, True), (16, 20, False), (0, 0, False), (1, 1, True)])
def test_the_share_to_get_right_is_enough_and_no_cases_are_not(right: int, judged: int, passed: bool) -> None:
    assert labels.passes(right, judged, RULES) is passed


def ratings(*rows: tuple[int, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["case_id", "reviewer", "opinion"])


def common(cases: int) -> list[tuple[int, str, str]]:
    """Cases on which ada and ben, ben and cleo, cleo and ada agree, two categories in turn."""
    pairs = [("ada", "ben"), ("ben", "cleo"), ("cleo", "ada")]
    return [(at, who, "xy"[at % 2]) for at in range(3 * cases) for who in pairs[at % 3]]


class TestSettling:
    DISPUTE = ((900, "ada", "x"), (900, "ben", "y"), (900, "cleo", "x"))

    def test_a_consensus_settles_what_it_is_sure_of(self) -> None:
        found = labels.settle(ratings(*common(20), *self.DISPUTE), [900], rules=RULES, fewest=10)
        assert found[900].opinion == "x"
        assert found[900].posterior >= RULES.consensus_at_least

    def test_it_leaves_open_what_it_is_not_sure_of(self) -> None:
        even = ratings(*common(20), (900, "ada", "x"), (900, "ben", "y"))
        assert labels.settle(even, [900], rules=RULES, fewest=10) == {}

    @pytest.mark.parametrize(("fewest", "settled"), [(40, [900]), (41, [900]), (42, [])])
    def test_each_of_the_reviewers_has_to_be_known_well_enough(self, fewest: int, settled: list[int]) -> None:
        found = labels.settle(ratings(*common(20), *self.DISPUTE), [900], rules=RULES, fewest=fewest)
        assert list(found) == settled

    def test_two_reviewers_are_too_few_however_much_they_labelled(self) -> None:
        pair = [(at, who, "x") for at in range(100) for who in ("ada", "ben")]
        dispute = [(900, "ada", "x"), (900, "ben", "y")]
        assert labels.settle(ratings(*pair, *dispute), [900], rules=RULES, fewest=10) == {}

    def test_a_stranger_among_the_reviewers_leaves_it_to_a_person(self) -> None:
        dispute = [(900, "ada", "x"), (900, "new", "y"), (900, "cleo", "x")]
        assert labels.settle(ratings(*common(20), *dispute), [900], rules=RULES, fewest=10) == {}

    def test_cases_that_nobody_disputes_are_not_answered(self) -> None:
        assert labels.settle(ratings(*common(20), *self.DISPUTE), [], rules=RULES, fewest=10) == {}
        assert labels.settle(ratings(), [900], rules=RULES, fewest=10) == {}


def test_provenance_is_counted_by_origin_and_standing() -> None:
    rows = pd.DataFrame(
        {
            "provenance": ["history", "review", "review"],
            "status": ["imported", "accepted", "adjudicated"],
            "blind": [False, True, True],
        }
    )
    assert labels.provenance_counts(rows) == {
        "history_imported": 1,
        "review_accepted": 1,
        "review_adjudicated": 1,
        "blind": 2,
    }
    assert labels.provenance_counts(rows.head(0)) == {"blind": 0}
