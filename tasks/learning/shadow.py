"""Champion and challenger beside each other on the same live cases."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from handrail.errors import NotFound
from handrail.store import drifts, judging, models, predictions
from handrail.window import Window
from tasks.learning.withheld_cases import learnt_alike
from tasks.occasion import Occasion

WINDOW = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two versions said of the same cases; of those that people have decided, who was right.

    `automated` counts the cases that each would let through the policy's fixed threshold, certificates set aside.
    """

    champion: str
    challenger: str
    cases: int
    agree: int
    decided: int
    champion_right: int
    challenger_right: int
    champion_automated: int
    challenger_automated: int
    disagreements: tuple[tuple[str, str, int], ...]

    @property
    def agreement(self) -> float | None:
        """Share of the cases with the same label; None without any."""
        return self.agree / self.cases if self.cases else None


def compare(occasion: Occasion, length: timedelta = WINDOW) -> Comparison:
    """Compare the challenger with the champion on the live cases of the last `length` that both have scored.

    Raises:
        NotFound: there is no champion or no challenger.
    """
    window = Window.last(length, occasion.now)
    with occasion.store.read() as connection:
        serving = models.serving(connection)
        champion, challenger = serving.model_version, serving.challenger
        if champion is None or challenger is None:
            raise NotFound("No challenger is in shadow. Train one with `handrail train`.")
        said = [drifts.received(connection, occasion.policy, window, version=one) for one in (champion, challenger)]
        rulings = predictions.compared(connection, window)
    pair = said[0].merge(said[1], on="case_id", suffixes=("_old", "_new")).dropna(subset=["label_old", "label_new"])
    differ = pair[pair["label_old"] != pair["label_new"]]
    decided = pair.merge(rulings.drop_duplicates("case_id", keep="last")[["case_id", "decided"]], on="case_id")
    return Comparison(
        champion=champion,
        challenger=challenger,
        cases=len(pair),
        agree=len(pair) - len(differ),
        decided=len(decided),
        champion_right=int((decided["label_old"] == decided["decided"]).sum()),
        challenger_right=int((decided["label_new"] == decided["decided"]).sum()),
        champion_automated=_automated(occasion, pair["label_old"], pair["confidence_old"]),
        challenger_automated=_automated(occasion, pair["label_new"], pair["confidence_new"]),
        disagreements=_counted(differ),
    )


def never_learnt(occasion: Occasion) -> list[int]:
    """Cases whose settled labels can certify the challenger at once: withheld for ever, and unlike what it learnt.

    They were labelled blindly while a certificate's evidence counts. Empty without a challenger.
    """
    with occasion.store.read() as connection:
        challenger = models.serving(connection).challenger
        since = occasion.now - occasion.policy.certificate.valid_for
        rows = judging.withheld(connection, occasion.policy, since=since, until=occasion.now)
    if challenger is None or rows.empty:
        return []
    rows = rows[occasion.withholding.draws(rows["case_id"].tolist())]
    with occasion.store.read() as connection:
        scored = predictions.scored_by(connection, rows["case_id"].tolist(), challenger)
    rows = rows[~rows["case_id"].isin(scored)]
    alike = learnt_alike(occasion, [challenger], rows["text"].tolist())
    return sorted(rows.loc[~alike, "case_id"].tolist())


def _automated(occasion: Occasion, labels: "pd.Series[str]", confidence: "pd.Series[float]") -> int:
    above = {name: occasion.policy.auto_above(name) for name in occasion.policy.categories}
    return int((confidence > labels.map(above).astype("float64").fillna(1.0)).sum())


def _counted(differ: pd.DataFrame) -> tuple[tuple[str, str, int], ...]:
    """The champion's label, the challenger's, and how often; the most frequent first."""
    counts = Counter(zip(differ["label_old"].astype(str), differ["label_new"].astype(str), strict=True))
    return tuple((old, new, count) for (old, new), count in counts.most_common())
