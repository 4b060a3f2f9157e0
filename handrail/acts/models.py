"""Which model serves: one row, changed together with its trail event."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from handrail import baseline
from handrail.acts.authority import authorize, required
from handrail.acts.second_person import agree, overtake
from handrail.errors import Conflict, NotFound, Refused
from handrail.policy import PromotionRules
from handrail.store import certificates, models, policies, situation, trail
from handrail.store.engine import Connection, Store
from handrail.store.models import ModelVersion
from handrail.store.proposals import PromoteArguments, RollBackArguments
from handrail.store.trail import Event

Evidence = Literal["first", "judged", "none"]
"""What a promotion rests on: better than the commonest category where nothing served, the gates, or a person's word
alone."""
_ANEW = "Train a new one with `handrail train`."
_ROLLBACKS = 10_000  # a rollback is rare: these are all
_NAMED = ("version", "run_id", "artifact_digest", "dataset_digest", "policy_version")


def add_version(store: Store, *, actor: str, now: datetime, **values: Any) -> None:  # noqa: ANN401 - columns of `model_versions`
    """Write down a newly registered version as challenger; one that still waited in shadow is superseded."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        models.insert_version(connection, status="challenger", registered_at=now, **values)
        serving = models.serving(connection)
        if serving.challenger is not None:
            models.set_status(connection, serving.challenger, "superseded")
        # The row may be new: then the moment means that nothing has served since.
        models.set_serving(connection, challenger=values["version"], since=serving.since or now)
        rebuild = values.get("rebuild") or {}
        data = {
            **{name: values[name] for name in _NAMED},
            "model_kind": values.get("kind", "trained"),
            "predictions_digest": rebuild.get("predictions_digest"),
            "superseded": serving.challenger,
        }
        trail.append(connection, [Event("model.registered", data=data)], at=now, actor=actor)


def may_serve(connection: Connection, version: str) -> ModelVersion:
    """A version that may be promoted; whether anything speaks for it is another question.

    One that was replaced, or rolled back, may serve again on evidence as any other; see `evidence_for`.

    Raises:
        NotFound: the version is not registered.
        Refused: it serves already, or did not pass its gates.
    """
    row = models.version(connection, version)
    if row is None:
        raise NotFound(f"Model version {version} is not registered. See `handrail model list`.")
    forbidden = {
        "champion": f"Version {version} serves already. Nothing to do.",
        "refused": f"Version {version} did not pass its gates{_why(row)} and may not serve. {_ANEW}",
    }
    if row.status in forbidden:
        raise Refused(forbidden[row.status])
    return row


def evidence_for(connection: Connection, row: ModelVersion) -> Evidence:
    """What speaks for letting the version of this row serve now; a judgement counts against its own champion only.

    For one that was rolled back, only a judgement counts whose labels are all from after that. Where none serves there
    is the commonest category to compare with, and nothing speaks for what does not beat it.
    """
    champion = models.serving(connection).model_version
    left = rolled_back_at(connection, row)
    if champion is None and left is None:
        in_force = policies.in_force(connection)
        confidence = (in_force.policy.promotion if in_force else PromotionRules()).confidence
        return "first" if baseline.is_beaten(row.metrics, confidence) else "none"
    judgement = row.judgement or {}
    if left is not None and (judgement.get("since") is None or datetime.fromisoformat(judgement["since"]) < left):
        return "none"
    if not judgement.get("passed") or judgement.get("champion", champion) != champion:
        return "none"
    serving = None if champion is None else models.version(connection, champion)
    theirs = (serving and serving.judgement) or {}
    # Of two that were judged against each other, the newer word counts: else each could take the other's place.
    beaten = theirs.get("passed") and theirs.get("champion") == row.version
    return "none" if beaten and theirs.get("judged_at", "") > judgement.get("judged_at", "") else "judged"


def rolled_back_at(connection: Connection, row: ModelVersion) -> datetime | None:
    """When a version was last rolled back; None for one that is not barred."""
    if row.status != "rolled_back":
        return None
    events = trail.search(connection, kind="model.rolled_back", limit=_ROLLBACKS)
    own = [event["at"] for event in events if event.get("barred") == row.version]
    return datetime.fromisoformat(own[-1]) if own else datetime.max.replace(tzinfo=UTC)


def require_judgement(row: ModelVersion, evidence: Evidence, missing: str = "nothing has judged it since") -> None:
    """Let a version that was rolled back serve again only on a judgement made after that, whatever the policy allows.

    Raises:
        Refused: there is none; says what is `missing`.
    """
    if row.status == "rolled_back" and evidence != "judged":
        raise Refused(
            f"Version {row.version} was rolled back and serves again only once a judgement on labels from after that "
            f"has passed: {missing}. Let people label more, then ask again; or {_ANEW[:1].lower()}{_ANEW[1:]}"
        )


def set_champion(
    store: Store,
    version: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    resting_on: Evidence | None = None,
    under: str | None = None,
    proposal: int | None = None,
) -> Evidence:
    """Let `version` serve from the next batch on; its own certificates stand, those of other versions are void.

    The event says what the promotion rests on. Whether it may rest on nothing says `tasks.learning.deploy.promote`;
    `resting_on` is what it was when the caller looked, and `under` the policy's version then. Where the policy asks for
    a second person, that is `actor`, and `proposal` the one they confirm; a first version for which something speaks
    replaces nothing and needs none.

    Raises:
        NotFound, Refused: see `may_serve`, `require_judgement` and `second_person.agree`.
        Conflict: it rests on something else by now, for another version serves, or another policy is in force.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        trail.lock(connection)
        _require_same_policy(connection, version, under)
        row = may_serve(connection, version)
        evidence = evidence_for(connection, row)
        require_judgement(row, evidence)
        if resting_on not in (None, evidence):
            raise Conflict(
                f"Another version was promoted or rolled back while version {version} was looked at: what spoke for "
                "it does not any more. Look at `handrail model list`, then ask again."
            )
        serving = models.serving(connection)
        previous = serving.model_version
        if proposal is not None or evidence != "first":
            agree(connection, "promote", to_promote(connection, version), proposal, actor=actor, now=now)
        if previous is not None:
            models.set_status(connection, previous, "retired")
        models.set_status(connection, version, "champion")
        # Who was promoted past the challenger leaves it where it is: it goes on in shadow, beside the new champion.
        challenger = None if serving.challenger == version else serving.challenger
        models.set_serving(connection, model_version=version, previous=previous, challenger=challenger, since=now)
        overtake(connection, ["promote", "roll_back"], actor=actor, now=now)
        # One that comes back from a rehearsal finds its own as it left them.
        voided = certificates.void_certificates(connection, f"version {version} serves", now, but_of=version)
        data = {"version": version, "previous": previous, "certificates_voided": voided, "evidence": evidence}
        done = trail.append(connection, [Event("model.promoted", data=data)], at=now, actor=actor)
        trail.give_reason(connection, done, reason)
    return evidence


def _require_same_policy(connection: Connection, version: str, under: str | None) -> None:
    in_force = policies.in_force(connection)
    if under is not None and in_force is not None and in_force.policy.version != under:
        raise Conflict(
            f"Another policy was published while version {version} was looked at. What it asks of a version may be "
            "something else: ask again."
        )


def to_promote(connection: Connection, version: str) -> PromoteArguments:
    """The version that would serve, and the one it would replace.

    Raises:
        NotFound, Refused: see `may_serve`.
    """
    may_serve(connection, version)
    return {"version": version, "previous": models.serving(connection).model_version}


def earlier(connection: Connection) -> list[str]:
    """Versions that a rollback may return to: who served last, then the newest; none that was rolled back or refused.

    Where the serving row was changed outside Handrail, the version that should serve comes first. Empty when there is
    none.
    """
    rows, serving = models.versions(connection), models.serving(connection)
    retired = rows.loc[rows["status"] == "retired", "version"].tolist()[::-1]
    ordered = sorted(retired, key=lambda version: version != serving.previous)
    rightful = situation.rightful_version(connection)
    return ordered if rightful in (None, serving.model_version) else [str(rightful), *ordered]


def roll_back(
    store: Store,
    *,
    actor: str,
    reason: str,
    now: datetime,
    to: str | None = None,
    of: str | None = None,
    proposal: int | None = None,
    rehearsal: bool = False,
) -> str:
    """Let an earlier version serve again and bar the present one; returns the version that serves now.

    A barred version serves again only on a new judgement, see `require_judgement`. In a `rehearsal` nothing is held
    against it: it is retired, keeps its certificates, and comes back by the ordinary promotion.

    `to` names one of `earlier`; without it, it is the first of them. `of` is the version that served when the caller
    looked: no other is left in its place. `proposal` is the one that a second person confirms, where one has to.

    Raises:
        Refused: there is no earlier version to return to, `to` is none, or a second person has to agree.
        Conflict: `of` does not serve any more.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "roll_back", actor)
        trail.lock(connection)
        serving, candidates = models.serving(connection), earlier(connection)
        present = serving.model_version
        if of not in (None, present):
            raise Conflict(
                f"Version {of} does not serve any more, version {present} does. Look at `handrail model list`, and "
                "roll back again if that one is to go as well."
            )
        foreseen = to_roll_back(connection, rehearsal=rehearsal)
        previous = candidates[0] if to is None else to
        if previous not in candidates:
            raise Refused(f"Version {previous} may not serve again. See `handrail model list`.")
        agree(connection, "roll_back", foreseen, proposal, actor=actor, now=now)
        models.set_status(connection, str(present), "retired" if rehearsal else "rolled_back")
        models.set_status(connection, previous, "champion")
        rest = [version for version in candidates if version != previous]
        challenger = None if serving.challenger == present else serving.challenger
        before = present if rehearsal else rest[0] if rest else None
        models.set_serving(connection, model_version=previous, previous=before, challenger=challenger, since=now)
        overtake(connection, ["promote", "roll_back"], actor=actor, now=now)
        why = f"version {present} was rolled back"
        # Practice ends nothing: only those of the version that serves rule, and each is back when its version is.
        voided = 0 if rehearsal else certificates.void_certificates(connection, why, now)
        data = {"version": previous, "barred": None if rehearsal else present, "certificates_voided": voided}
        data |= {"rehearsal": True, "left": present} if rehearsal else {}
        done = trail.append(connection, [Event("model.rolled_back", data=data)], at=now, actor=actor)
        trail.give_reason(connection, done, reason)
    return previous


def to_roll_back(connection: Connection, *, rehearsal: bool = False) -> RollBackArguments:
    """The version that a rollback would bar, or leave in a rehearsal.

    Raises:
        Refused: there is none to return to.
    """
    present = models.serving(connection).model_version
    if present is None or not earlier(connection):
        raise Refused("There is no earlier version to return to. Pause instead: `handrail pause --all --reason …`.")
    return {"version": present, "rehearsal": True} if rehearsal else {"version": present}


def record_judgement(  # noqa: PLR0913 - what a judgement is, in one place
    store: Store,
    version: str,
    *,
    passed: bool,
    cases: int,
    reasons: Sequence[str],
    actor: str,
    now: datetime,
    told: Mapping[str, Any] | None = None,
    since: datetime | None = None,
) -> None:
    """Record that a challenger was judged; the labels used are not fresh any more.

    `reasons` are codes for the trail. `told` holds what people read of it, figures and sentences as plain JSON, and
    becomes the version's judgement. `since` is the moment from which labels were taken to be fresh.

    Raises:
        Conflict: another judgement has used labels from after `since` meanwhile.
    """
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        trail.lock(connection)
        last = last_judged(connection)
        if since is not None and last is not None and last > since:
            raise Conflict(
                f"Another judgement has used the labels up while version {version} was judged. "
                "Judge it again when there are fresh ones."
            )
        fresh = {} if since is None else {"since": since.isoformat()}
        models.set_judgement(connection, version, {"passed": passed, "cases": cases, **(told or {}), **fresh})
        data = {"version": version, "passed": passed, "cases": cases, "reasons": list(reasons)}
        trail.append(connection, [Event("model.judged", data=data)], at=now, actor=actor)


def last_judged(connection: Connection) -> datetime | None:
    """When a judgement last used withheld labels up, or None."""
    found = trail.search(connection, kind="model.judged", limit=1)
    return datetime.fromisoformat(found[0]["at"]) if found else None


def record_failed_gate(
    store: Store,
    suite: str,
    *,
    broken: Mapping[str, int],
    case_ids: Sequence[int],
    actor: str,
    now: datetime,
    version: str | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Record that data did not pass its gate: the broken expectations with their rows, and the first case ids.

    Where it stops a challenger, `version` names it and `told` becomes its judgement, as in `record_judgement`.
    """
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        if version is not None:
            models.set_judgement(connection, version, {"passed": False, **(told or {})})
        data = {
            "suite": suite,
            "expectations": list(broken),
            "counts": list(broken.values()),
            "case_ids": list(case_ids),
            "version": version,
        }
        trail.append(connection, [Event("gate.failed", data=data)], at=now, actor=actor)


def refuse(store: Store, version: str, *, reasons: Sequence[str], actor: str, now: datetime) -> None:
    """Record that a challenger did not pass its gate, by the codes of why; the champion goes on serving.

    One that has served and was judged anew stays what it is: retired, or rolled back.

    Raises:
        Conflict: it serves by now.
    """
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        trail.lock(connection)
        row = models.version(connection, version)
        if row is not None and row.status == "champion":
            raise Conflict(
                f"Version {version} was promoted while it was looked at. Take it back with "
                "`handrail model rollback --reason …`."
            )
        if row is not None and row.status not in ("retired", "rolled_back"):
            models.set_status(connection, version, "refused")
        if models.serving(connection).challenger == version:
            models.set_serving(connection, challenger=None)
        data = {"version": version, "reasons": list(reasons)}
        trail.append(connection, [Event("model.refused", data=data)], at=now, actor=actor)


def note_alias_moved(store: Store, *, found: str | None, serving: str, actor: str, now: datetime) -> None:
    """Record that the champion alias was moved in MLflow by hand and put back."""
    with store.write() as connection:
        moved = Event("model.alias_moved", data={"found": found, "serving": serving})
        trail.append(connection, [moved], at=now, actor=actor)


def _why(row: ModelVersion) -> str:
    reasons = (row.judgement or {}).get("reasons") or ()
    return f" ({'; '.join(map(str, reasons))})" if reasons else ""
