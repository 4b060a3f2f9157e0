"""Whether a version can serve under a policy: what it needs, and what the policy delivers and knows."""

from collections.abc import Collection, Iterable

from handrail.policy import Policy


def differences(kind: str, fields: Iterable[str], labels: Collection[str], policy: Policy) -> list[str]:
    """Why a version of this kind cannot serve under `policy`, a sentence each; empty when it can.

    A category that the champion did not know is no difference as long as the policy knows it, and a field that a
    model does not use costs nothing.
    """
    found = []
    if kind != policy.model.source:
        found.append(
            f"it is a {kind} model, and the policy's model.source is {policy.model.source}: change one of them"
        )
    lacking = sorted(set(fields) - set(policy.model.fields))
    if lacking:
        found.append(f"it needs {_named('field', lacking)}, which the policy's model.fields does not deliver")
    unknown = sorted(set(labels) - set(policy.categories))
    if unknown:
        found.append(f"it predicts {_named('categor', unknown, 'y', 'ies')}, which the policy does not know")
    return found


def _named(noun: str, names: list[str], one: str = "", many: str = "s") -> str:
    listed = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004 - as many as one reads
    return f"the {noun}{one if len(names) == 1 else many} {listed}"
