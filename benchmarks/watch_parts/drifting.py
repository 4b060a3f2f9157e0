"""The drift watch over a business's weeks, by the rules of the sample policy and of the flow that runs it."""

from dataclasses import dataclass

import pandas as pd

from handrail import drift, terms
from handrail.policy import DriftRules
from watch_parts.business import Business


@dataclass(frozen=True)
class Look:
    """What the watch saw in one week beside its reference."""

    week: int
    columns: tuple[str, ...]
    new_categories: tuple[str, ...]
    terms: tuple[str, ...]
    drifted: bool


def seen(cases: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """The watched columns of a week: inputs, predictions, and the mix of the labels that people gave."""
    labels = decided["decided"].reindex(range(len(cases))).astype(object)
    return pd.DataFrame(
        {
            "amount": cases["amount"].astype(float),
            "text_length": cases["text"].str.len().astype(float),
            **{name: cases[name].astype(object) for name in ("channel", "region", "tier", "predicted")},
            "confidence": cases["confidence"].astype(float),
            "decided": labels.where(labels.notna(), None),
        }
    )


class DriftWatch:
    """A reference, and a look at each week; a week that drifted becomes the next reference."""

    def __init__(self, rules: DriftRules) -> None:
        """Begin without a reference."""
        self.rules = rules
        self.cases, self.decided = pd.DataFrame(), pd.DataFrame()
        self.columns = drift.build(pd.DataFrame())
        self.terms = terms.build([])

    def look(self, week: int, cases: pd.DataFrame, decided: pd.DataFrame) -> Look | None:
        """Compare a week with the reference; None for the first, which becomes it."""
        if not self.terms.documents:
            self.take(cases, decided)
            return None
        report = drift.compare(
            self.columns,
            seen(cases, decided),
            fdr=self.rules.false_discovery_rate,
            psi_at_least=self.rules.psi_at_least,
        )
        found = terms.new_terms(self.terms, cases["text"].tolist(), fdr=self.rules.false_discovery_rate)
        columns = tuple(column.name for column in report.columns if column.drifted)
        enough = len(found) >= self.rules.min_new_terms
        fresh = tuple(name for column in report.columns if column.drifted for name in column.new_categories)
        look = Look(week, columns, fresh, tuple(term.term for term in found) if enough else (), bool(columns) or enough)
        if look.drifted:
            self.take(cases, decided)
        return look

    @property
    def watched(self) -> list[str]:
        """The columns that are compared."""
        return [column.name for column in self.columns.columns]

    def take(self, cases: pd.DataFrame, decided: pd.DataFrame) -> None:
        """Make a week the reference."""
        self.cases, self.decided = cases, decided
        self.columns, self.terms = drift.build(seen(cases, decided)), terms.build(cases["text"].tolist())

    def speak_of(self, business: Business) -> None:
        """A new model serves: what the reference says of predictions is said again in its terms."""
        self.cases = business.suggest(self.cases)
        self.columns = drift.build(seen(self.cases, self.decided))
