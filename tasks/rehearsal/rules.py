"""The rules of a rehearsal for which nobody has written a policy: the sample's numbers, and the file's categories."""

from collections.abc import Sequence

from handrail import policy as policies
from handrail.policy import CategoryRules, Consequence, FairnessRules, Policy, Stage

BUSINESS = "rehearsal"


def for_categories(names: Sequence[str], *, groups: Sequence[str]) -> Policy:
    """A policy of these categories, as they are written: low consequence, stage shadow, automatic when certified.

    All numbers are the sample's. Its flags, and the fields that its model reads, belong to its own letters; `groups`
    are compared for fairness.

    Raises:
        BadInput: two names differ by blanks, case or Unicode form alone.
    """
    plain = policies.for_labels(names, business=BUSINESS)
    sample = policies.read(policies.BUSINESSES / "sample" / "policy.yaml")
    rules = {
        name: own.model_copy(update={"consequence": Consequence.LOW, "stage": Stage.SHADOW})
        for name, own in plain.categories.items()
    }
    return sample.model_copy(
        update={
            "business": BUSINESS,
            "categories": rules,
            "flags": {},
            "queues": sample.queues.model_copy(update={"uncertified": "review"}),
            "model": sample.model.model_copy(update={"fields": ()}),
            "fairness": FairnessRules(
                groups=tuple(groups),
                max_gap=sample.fairness.max_gap,
                max_waiting_gap=sample.fairness.max_waiting_gap,
            ),
        }
    )


def with_category(policy: Policy, name: str) -> Policy:
    """A policy with one more category: low consequence, stage shadow."""
    rules = CategoryRules(action=name, consequence=Consequence.LOW, stage=Stage.SHADOW)
    return policy.model_copy(update={"categories": {**policy.categories, name: rules}})


def without(policy: Policy, category: str) -> Policy:
    """A policy before its owner added a category; what became of others stays, unless it became this one."""
    return policy.model_copy(
        update={
            "categories": {name: rules for name, rules in policy.categories.items() if name != category},
            "renamed": {old: new for old, new in policy.renamed.items() if new != category},
            "retired": {old: entry for old, entry in policy.retired.items() if entry.to != category},
        }
    )
