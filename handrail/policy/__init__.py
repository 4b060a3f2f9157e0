"""The policy: every number a steward may change, typed, frozen and versioned by its content."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from handrail import typed_yaml
from handrail.errors import BadInput, NotFound
from handrail.normal import normalise
from handrail.policy.base import Consequence, Stage, Strict, TimeZone
from handrail.policy.calendar import Calendar, Hours
from handrail.policy.desk import DeskRules
from handrail.policy.learning import (
    CertificateRules,
    CostRules,
    GateRules,
    LabelRules,
    ModelRules,
    NoveltyRules,
    PromotionRules,
    ReadinessRules,
    RetrainingRules,
)
from handrail.policy.routing import (
    AmountStep,
    CategoryRules,
    EscalationRules,
    IntakeRules,
    LeaseRules,
    Patterns,
    PrivacyRules,
    QueueRules,
    RetentionRules,
    Retired,
    SlaRules,
)
from handrail.policy.watch import (
    AlertRules,
    BreakerRules,
    DriftRules,
    FairnessRules,
    KpiGoal,
    SamplingPolicy,
    StratumRules,
    WatchRules,
)

__all__ = [
    "BUSINESSES",
    "AlertRules",
    "AmountStep",
    "BreakerRules",
    "Calendar",
    "CategoryRules",
    "CertificateRules",
    "Consequence",
    "CostRules",
    "DeskRules",
    "DriftRules",
    "EscalationRules",
    "FairnessRules",
    "GateRules",
    "Hours",
    "IntakeRules",
    "KpiGoal",
    "LabelRules",
    "LeaseRules",
    "ModelRules",
    "NoveltyRules",
    "Patterns",
    "Policy",
    "PrivacyRules",
    "PromotionRules",
    "QueueRules",
    "ReadinessRules",
    "RetentionRules",
    "Retired",
    "RetrainingRules",
    "SamplingPolicy",
    "SlaRules",
    "Stage",
    "StratumRules",
    "Strict",
    "TimeZone",
    "WatchRules",
    "for_labels",
    "read",
    "twins",
]

BUSINESSES = Path(__file__).resolve().parents[2] / "policy"
"""The policies that come with Handrail, a folder for each business."""

_TWINS_NAMED = 5
_READINESS = ReadinessRules()


def _is_empty(entries: Mapping[str, object]) -> bool:
    return not entries


class Policy(Strict):
    """One business's rules. Read it with `read`, never change it in place: edit the file and publish."""

    business: str = Field(min_length=1)
    owner: str = "product_owner"
    queues: QueueRules = QueueRules()
    certificate: CertificateRules = CertificateRules()
    # Left out at its defaults: a policy from before it keeps its version.
    readiness: ReadinessRules = Field(_READINESS, exclude_if=_READINESS.__eq__)
    sla: SlaRules = SlaRules()
    escalation: EscalationRules = EscalationRules()
    leases: LeaseRules = LeaseRules()
    desk: DeskRules = DeskRules()
    breaker: BreakerRules = BreakerRules()
    sampling: SamplingPolicy = SamplingPolicy()
    drift: DriftRules = DriftRules()
    novelty: NoveltyRules = NoveltyRules()
    categories: dict[str, CategoryRules] = Field(min_length=1)
    # Left out where they are empty: a policy that says nothing of them keeps its version.
    renamed: dict[str, str] = Field({}, exclude_if=_is_empty, description="old name of a category: its new one")
    retired: dict[str, Retired] = Field({}, exclude_if=_is_empty, description="a category that is no more: its heir")
    flags: dict[Literal["policy", "legal", "safety"], Patterns] = Field({})
    model: ModelRules = ModelRules()
    privacy: PrivacyRules = PrivacyRules()
    retention: RetentionRules = RetentionRules()
    retraining: RetrainingRules = RetrainingRules()
    gates: GateRules = GateRules()
    promotion: PromotionRules = PromotionRules()
    costs: CostRules = CostRules()
    fairness: FairnessRules = FairnessRules()
    watches: WatchRules = WatchRules()
    alerts: AlertRules = AlertRules()
    labels: LabelRules = LabelRules()
    intake: IntakeRules = IntakeRules()
    goal: KpiGoal = KpiGoal()

    @model_validator(mode="after")
    def _moves_fit(self) -> Self:
        if both := sorted(self.renamed.keys() & self.retired.keys()):
            raise ValueError(f"{both[0]!r} is renamed and retired: say one of them")
        for old, new in self.moves.items():
            if old in self.categories:
                raise ValueError(f"{old!r} is renamed or retired, and still a category: remove one of them")
            if new is not None and new not in self.categories:
                raise ValueError(f"{old!r} becomes {new!r}, which is no category of this policy")
        if len(set(self.renamed.values())) < len(self.renamed):
            raise ValueError("two categories are renamed to the same one: retire one of them to the other")
        return self

    @property
    def moves(self) -> dict[str, str | None]:
        """What became of categories that are no more, by their old name; None where nothing takes their place."""
        return {**self.renamed, **{old: entry.to for old, entry in self.retired.items()}}

    @property
    def error_costs(self) -> dict[str, float]:
        """What an error costs in the categories that have a price of their own; in all others it is `costs.error`."""
        return {name: rules.error_cost for name, rules in self.categories.items() if rules.error_cost is not None}

    def names_now(self, before: Mapping[str, str]) -> dict[str, str]:
        """Each category, by its own name and by those that it had; `before`: names of earlier policies and today's."""
        moved = {**before, **self.moves}
        followed = {old: new for old, new in moved.items() if new in self.categories and new is not None}
        return {**followed, **{name: name for name in self.categories}}

    @property
    def version(self) -> str:
        """Twelve hex digits of the content's SHA-256: equal content, equal version."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def category(self, label: str) -> CategoryRules:
        """The rules of one category.

        Raises:
            NotFound: the policy has no such category.
        """
        try:
            return self.categories[label]
        except KeyError:
            names = ", ".join(self.categories)
            raise NotFound(f"The policy has no category {label!r}. Use one of: {names}.") from None

    def auto_above(self, label: str) -> float:
        """The fixed part of the auto threshold of one category; a certificate may only raise it."""
        own = self.category(label).auto_above
        return self.queues.auto_above if own is None else own


def read(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        BadPolicy: names the line and the remedy.
    """
    return typed_yaml.load(path, Policy)


def twins(labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Labels that differ by outer blanks, case or Unicode form alone, together; sorted, and empty where there are none.

    Hidden characters and letters in another shape are a form, too.

    >>> twins(["Refund", "refund ", "Re fund"])
    [('Refund', 'refund ')]
    """
    alike: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
        plain = normalise(plain).text.strip()
        alike.setdefault(plain, []).append(label)
    return [tuple(group) for group in alike.values() if len(group) > 1]


def for_labels(labels: Sequence[str], *, business: str = "file") -> Policy:
    """A policy of one entry per label, taken verbatim: low consequence, stage shadow, fixed threshold.

    It serves a labelled file in an empty workspace, where nobody has written a policy yet. Nobody has said either that
    a category may run by itself: each begins where the model is only observed.

    Raises:
        BadInput: labels differ by outer blanks, case or Unicode form alone, so that they may mean one category.
    """
    if pairs := twins(labels):
        named = "; ".join(" and ".join(map(repr, pair)) for pair in pairs[:_TWINS_NAMED])
        more = f"; and {len(pairs) - _TWINS_NAMED} more" if len(pairs) > _TWINS_NAMED else ""
        raise BadInput(
            f"Some labels differ by outer blanks, case or Unicode form alone: {named}{more}. "
            "Write each category in one way only."
        )
    rules = {
        label: CategoryRules(action=label, consequence=Consequence.LOW, stage=Stage.SHADOW)
        for label in sorted(set(labels))
    }
    return Policy(
        business=business,
        queues=QueueRules(uncertified="fixed"),
        categories=rules,
        # As with the threshold: a file brings no blind labels, and every face says that nothing was proven.
        promotion=PromotionRules(without_evidence="allow"),
    )
