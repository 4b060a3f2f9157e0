"""What governs automation by the trail's own word, and where the tables say something else.

Policy, stages, pauses and the serving version are rows; each change of them is an event in the trail, in the same
transaction. A row that differs from its last event was changed past Handrail, and automates nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from handrail.errors import BadInput
from handrail.policy import Stage

PUBLISHED = frozenset({"workspace.begun", "policy.published"})
SERVES = frozenset({"model.promoted", "model.rolled_back"})
KINDS = (*sorted(PUBLISHED), *sorted(SERVES), "stage.changed", "automation.paused", "automation.resumed")
"""The kinds of events that say what governs."""
AUTOMATING = frozenset({Stage.PARTIAL, Stage.AUTO})


@dataclass(frozen=True, slots=True)
class Change:
    """An event of `KINDS`: what governs from then on, as far as it says."""

    kind: str
    at: datetime
    policy: str | None = None
    business: str | None = None
    category: str | None = None
    to: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Read the body of an event.

        Raises:
            BadInput: it has no kind or no moment, as no event of Handrail's.
        """
        data = {name: event.get(name) for name in ("policy", "business", "category", "to", "version")}
        try:
            return cls(event["kind"], datetime.fromisoformat(event["at"]), **data)
        except (KeyError, TypeError, ValueError):
            raise BadInput(
                "An event of the trail was not written by Handrail: it has no kind, or no moment. See "
                "`handrail trail verify`, and restore a backup from before it."
            ) from None


@dataclass(frozen=True, slots=True)
class TrailState:
    """What governs now, as the trail tells it; a pause of None is one of everything."""

    business: str | None = None
    policy: str | None = None
    policies: frozenset[str] = frozenset()
    stages: Mapping[str, str] = field(default_factory=dict)
    paused: frozenset[str | None] = frozenset()
    serving: str | None = None


@dataclass(frozen=True, slots=True)
class Alteration:
    """Something that was changed past Handrail; `category` is None where it concerns everything."""

    what: Literal["policy", "stage", "pause", "serving"]
    category: str | None
    sentence: str


def replay(changes: Iterable[Change]) -> TrailState:
    """Retell changes, oldest first."""
    business, policies, stages, paused, serving = None, list[str](), dict[str, str](), set[str | None](), None
    for change in changes:
        if change.kind in PUBLISHED:
            policies.append(str(change.policy))
            business = change.business or business
        elif change.kind == "stage.changed":
            stages[str(change.category)] = str(change.to)
        elif change.kind == "automation.paused":
            paused.add(change.category)
        elif change.kind == "automation.resumed":
            paused.discard(change.category)
        elif change.kind in SERVES:
            serving = change.version
    newest = policies[-1] if policies else None
    return TrailState(business, newest, frozenset(policies), stages, frozenset(paused), serving)


def first_raised(
    changes: Iterable[Change], raised_by: Mapping[str, Collection[str]], categories: Collection[str]
) -> dict[str, datetime]:
    """When each category first stood at a stage that automates, whatever was changed later.

    `raised_by` maps the digest of a policy to the categories that begin raised under it: a policy's stage counts until
    a category's first change of stage. A policy of which nothing is known counts as raising all of `categories`.
    """
    earliest: dict[str, datetime] = {}
    moved: set[str] = set()
    for change in changes:
        raised: Collection[str] = ()
        if change.kind in PUBLISHED:
            raised = [name for name in raised_by.get(str(change.policy), categories) if name not in moved]
        elif change.kind == "stage.changed":
            category = str(change.category)
            moved.add(category)
            raised = [category] if change.to in AUTOMATING else []
        # The earliest moment, not the first event: that one may have been written under a clock that was ahead.
        earliest.update({name: min(earliest.get(name, change.at), change.at) for name in raised})
    return earliest


def altered_rows(
    trail: TrailState,
    *,
    stages: Mapping[str, str],
    paused: Collection[str | None],
    serving: str | None,
    categories: Sequence[str],
) -> list[Alteration]:
    """Where the rows of stages, pauses and the serving version differ from what the trail tells.

    `stages` maps a category to its newest change, `paused` names the pauses in force. A pause that the trail does not
    know withholds only, and a version that does not serve approves nothing: neither is an alteration.
    """
    alterations = []
    for name in categories:
        row, event = stages.get(name), trail.stages.get(name)
        if row != event:
            alterations.append(
                Alteration(
                    "stage",
                    name,
                    (
                        f"The stage of {_words(name)} was changed outside Handrail: it is {_stage(row)}, and the audit "
                        f"trail says {_stage(event)}. Set the right one with `handrail stage {name} STAGE --reason …`."
                    ),
                )
            )
    for missing in sorted(trail.paused.difference(paused), key=str):
        subject, command = ("everything", "--all") if missing is None else (_words(missing), missing)
        alterations.append(
            Alteration(
                "pause",
                missing,
                (
                    f"The pause of {subject} was lifted outside Handrail: the audit trail knows of no resumption. "
                    f"Pause it again with `handrail pause {command} --reason …`; resume it when "
                    "the reason no longer holds."
                ),
            )
        )
    if serving is not None and serving != trail.serving:
        alterations.append(
            Alteration(
                "serving",
                None,
                (
                    f"The live version was changed outside Handrail: it is {serving}, and the audit trail says "
                    f"{trail.serving or 'none'}. Return to the right one with `handrail model rollback --reason …`."
                ),
            )
        )
    return alterations


def altered_policy(
    trail: TrailState, *, digest: str | None, version: str | None, is_readable: bool
) -> Alteration | None:
    """Is the policy in force what was published? None where it is.

    `digest` is computed from its content, `version` stands beside it; both are None where the row is gone.
    """
    if digest == version == trail.policy and is_readable:
        return None
    if digest is None:
        what = "The policy in force was deleted outside Handrail"
    elif digest == version == trail.policy:
        what = "The policy in force cannot be read by this version of Handrail"
    else:
        what = "The policy in force was changed outside Handrail: its content is not what was published"
        what += "" if is_readable else ", and it cannot be read"
    remedy = "Nothing is approved automatically. Publish the right policy with `handrail policy publish FILE`."
    return Alteration("policy", None, f"{what}. {remedy}")


def _stage(name: str | None) -> str:
    return "the policy's" if name is None else name


def _words(code: str) -> str:
    return code.replace("_", " ")
