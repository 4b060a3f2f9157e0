"""A sample business at work: its weeks, a light model's suggestions, and what people decide with them in view.

Half of the cases reach a person, in turn; the model is a plain TF-IDF pipeline, trained on the history and again, with
what people decided since, whenever the drift watch asks for it. No workspace and no flow takes part.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from handrail import pii, rechecks
from handrail.policy import Policy
from handrail.sample import Reviewer, generate, reviewers

BY_PEOPLE = 0.5
"""Share of the cases that a person decides."""
WORKDAYS = 5
NEWEST_LABELS = 3_000
"""Labels that a training takes; more change little here and take their time."""


@dataclass
class Business:
    """Everything of one seed; `weeks[0]` is week 1, and the model is the one that serves now."""

    seed: int
    weeks: list[pd.DataFrame]
    history: pd.DataFrame
    gold: pd.DataFrame
    model: Pipeline
    staff: tuple[Reviewer, ...]
    policy: Policy
    rng: np.random.Generator
    drawn: dict[str, int] = field(default_factory=dict)
    """Rechecks of each person so far."""

    @classmethod
    def open(cls, seed: int, weeks: int, per_week: int, policy: Policy) -> "Business":
        """Generate so many cases of each week, redact their texts, and train on the history."""
        sample = generate(weeks=weeks, seed=seed, per_week=per_week)
        cases = sample.cases[sample.cases["consent"] & sample.cases["text"].str.strip().ne("")].reset_index(drop=True)
        cases["text"] = [found.text for found in pii.redact_many(cases["text"].tolist())]
        parts = [cases[cases["week"] == week].reset_index(drop=True) for week in range(1, weeks + 1)]
        history = sample.history[["text", "label"]]
        rng = np.random.default_rng([seed, 77])
        return cls(seed, parts, history, sample.gold, _trained(history), reviewers(), policy, rng)

    def suggest(self, cases: pd.DataFrame) -> pd.DataFrame:
        """The serving model's category and confidence for these cases, beside their columns."""
        chances = self.model.predict_proba(cases["text"].tolist())
        return cases.assign(
            predicted=self.model.classes_[chances.argmax(axis=1)].astype(object), confidence=chances.max(axis=1)
        )

    def decide(self, week: int, cases: pd.DataFrame) -> pd.DataFrame:
        """What people answer on their half of a week's cases: the same rows with reviewer, visible, decided, seconds.

        A share of the suggestions is hidden from them, as the policy has it.
        """
        half = cases[self.rng.random(len(cases)) < BY_PEOPLE].reset_index(drop=True)
        turn = np.arange(len(half)) % len(self.staff)
        shown = self.rng.random(len(half)) >= self.policy.queues.blind_share
        return self._answered(week, half.assign(visible=shown), turn)

    def label_again(self, week: int, decided: pd.DataFrame) -> pd.DataFrame:
        """Blind labels of the week drawn by chance, given again blindly by the next in turn; a third where they differ.

        Columns as `decide`, and chance, that of the draw.
        """
        blind = decided[~decided["visible"]]
        pace = blind.groupby("reviewer").size() / WORKDAYS
        chances = {
            name: rechecks.chance(self.policy.labels, pace=pace.get(name, 0.0), lately=self.drawn.get(name, 0))
            for name in blind["reviewer"].unique()
        }
        chance = blind["reviewer"].map(chances).to_numpy(dtype=float)
        hit = self.rng.random(len(blind)) < chance
        again = blind[hit].assign(chance=chance[hit]).reset_index(drop=True)
        for name, count in again["reviewer"].value_counts().items():
            self.drawn[str(name)] = self.drawn.get(str(name), 0) + int(count)
        names = [reviewer.name for reviewer in self.staff]
        turn = np.array([names.index(name) for name in again["reviewer"]], dtype=int)
        second = self._answered(week, again, (turn + 1) % len(names))
        differ = (second["decided"] != again["decided"]).to_numpy(dtype=bool)
        third = self._answered(week, again[differ].reset_index(drop=True), (turn[differ] + 2) % len(names))
        return pd.concat([second, third], ignore_index=True)

    def slip_in_gold(self, week: int, decided: pd.DataFrame) -> pd.DataFrame:
        """Gold cases among the week's work, some with a wrong suggestion: item, reviewer, truth, seeded, decided."""
        slipped = decided[self.rng.random(len(decided)) < self.policy.labels.gold_share]
        gold = self.gold.iloc[self.rng.integers(0, len(self.gold), len(slipped))].reset_index(drop=True)
        names = [reviewer.name for reviewer in self.staff]
        turn = np.array([names.index(name) for name in slipped["reviewer"]], dtype=int)
        wrong = self.rng.random(len(gold)) < self.policy.labels.seeded_wrong
        labels = sorted(self.gold["label"].unique())
        other = [
            labels[(labels.index(label) + 1 + int(self.rng.integers(len(labels) - 1))) % len(labels)]
            for label in gold["label"]
        ]
        cases = pd.DataFrame(
            {
                "external_id": gold["external_id"],
                "truth_label": gold["label"],
                "region": "",
                "predicted": np.where(wrong, other, ""),
                "visible": wrong,
                "seeded": np.where(wrong, other, None),
            }
        )
        return self._answered(week, cases, turn)

    def _answered(self, week: int, cases: pd.DataFrame, turn: np.ndarray) -> pd.DataFrame:
        """These cases with what the person in turn answers to each, and after how many seconds."""
        answered = cases.assign(reviewer=[self.staff[at].name for at in turn], decided="", seconds=0.0)
        for at, reviewer in enumerate(self.staff):
            rows = cases[turn == at]
            answers, seconds = reviewer.decide(
                rows["truth_label"], rows["predicted"], rows["visible"], rows["region"], week, self.rng
            )
            answered.loc[turn == at, "decided"], answered.loc[turn == at, "seconds"] = answers, seconds
        return answered

    def retrain(self, decided: list[pd.DataFrame]) -> None:
        """Train again on the history and the newest decisions of the careful and ordinary reviewers."""
        trusted = {reviewer.name for reviewer in self.staff[:3]}
        rows = pd.concat(decided, ignore_index=True)
        labels = rows.loc[rows["reviewer"].isin(trusted), ["text", "decided"]].rename(columns={"decided": "label"})
        self.model = _trained(pd.concat([self.history, labels.tail(NEWEST_LABELS)], ignore_index=True))


def _trained(labels: pd.DataFrame) -> Pipeline:
    classifier = SGDClassifier(loss="log_loss", alpha=2e-5, max_iter=15, tol=None, random_state=0)
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), classifier)
    return model.fit(labels["text"].tolist(), labels["label"].astype(str).tolist())
