"""Which model serves: one row, changed together with its trail event."""

from datetime import datetime
from typing import Any

from handrail.acts.authority import authorize, required
from handrail.errors import NotFound, Refused
from handrail.store import models, trail
from handrail.store.engine import Store
from handrail.store.trail import Event


def add_version(store: Store, *, actor: str, now: datetime, **values: Any) -> None:  # noqa: ANN401 - columns of `model_versions`
    """Write down a newly registered version as challenger."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        models.insert_version(connection, status="challenger", registered_at=now, **values)
        serving = models.serving(connection)
        if serving["model_version"] is not None:
            models.set_serving(connection, challenger=values["version"])
        data = {
            name: values[name] for name in ("version", "run_id", "artifact_digest", "dataset_digest", "policy_version")
        }
        trail.append(connection, [Event("model.registered", data=data)], at=now, actor=actor)


def set_champion(store: Store, version: str, *, actor: str, reason: str, now: datetime) -> None:
    """Let `version` serve from the next batch on; certificates of the earlier one are void.

    Raises:
        NotFound: the version is not registered.
        Refused: it serves already, or it was rolled back: such a version never comes back.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        trail.lock(connection)
        row = models.version(connection, version)
        if row is None:
            raise NotFound(f"Model version {version} is not registered. See `handrail model list`.")
        if row["status"] == "rolled_back":
            raise Refused(
                f"Version {version} was rolled back and may not serve again. Train a new one with `handrail train`."
            )
        serving = models.serving(connection)
        if serving["model_version"] == version:
            raise Refused(f"Version {version} serves already. Nothing to do.")
        previous = serving["model_version"]
        if previous is not None:
            models.set_status(connection, previous, "retired")
        models.set_status(connection, version, "champion")
        models.set_serving(connection, model_version=version, previous=previous, challenger=None, since=now)
        voided = models.void_certificates(connection, f"version {version} serves", now)
        data = {"version": version, "previous": previous, "certificates_voided": voided}
        done = trail.append(connection, [Event("model.promoted", data=data)], at=now, actor=actor)
        trail.give_reason(connection, done, reason)


def roll_back(store: Store, *, actor: str, reason: str, now: datetime) -> str:
    """Let the previous version serve again and bar the present one; returns the version that serves now.

    Raises:
        Refused: there is no previous version to return to.
    """
    reason = required(reason)
    with store.write() as connection:
        authorize(connection, "roll_back", actor)
        trail.lock(connection)
        serving = models.serving(connection)
        present, previous = serving["model_version"], serving["previous"]
        if present is None or previous is None:
            raise Refused("There is no earlier version to return to. Pause instead: `handrail pause --all --reason …`.")
        models.set_status(connection, present, "rolled_back")
        models.set_status(connection, previous, "champion")
        models.set_serving(connection, model_version=previous, previous=None, since=now)
        voided = models.void_certificates(connection, f"version {present} was rolled back", now)
        data = {"version": previous, "barred": present, "certificates_voided": voided}
        done = trail.append(connection, [Event("model.rolled_back", data=data)], at=now, actor=actor)
        trail.give_reason(connection, done, reason)
    return str(previous)


def record_judgement(
    store: Store,
    version: str,
    *,
    passed: bool,
    cases: int,
    reasons: tuple[str, ...],
    actor: str,
    now: datetime,
) -> None:
    """Record that a challenger was judged; the labels used are not fresh any more."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        data = {"version": version, "passed": passed, "cases": cases, "reasons": list(reasons)}
        trail.append(connection, [Event("model.judged", data=data)], at=now, actor=actor)


def refuse(store: Store, version: str, *, reasons: tuple[str, ...], actor: str, now: datetime) -> None:
    """Record that a challenger did not pass its gate; the champion goes on serving."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        models.set_status(connection, version, "refused")
        if models.serving(connection)["challenger"] == version:
            models.set_serving(connection, challenger=None)
        data = {"version": version, "reasons": list(reasons)}
        trail.append(connection, [Event("model.refused", data=data)], at=now, actor=actor)


def note_alias_moved(store: Store, *, found: str | None, serving: str, actor: str, now: datetime) -> None:
    """Record that the champion alias was moved in MLflow by hand and put back."""
    with store.write() as connection:
        moved = Event("model.alias_moved", data={"found": found, "serving": serving})
        trail.append(connection, [moved], at=now, actor=actor)


def certify(store: Store, *, actor: str, now: datetime, **values: Any) -> None:  # noqa: ANN401 - columns of `certificates`
    """Issue a certificate for the serving version."""
    with store.write() as connection:
        authorize(connection, "set_champion", actor)
        models.insert_certificate(connection, issued_at=now, **values)
        data = {
            "model": values["model_version"],
            "category": values["category"],
            "threshold_ppm": round(values["threshold"] * 1_000_000),
            "labels": values["labels"],
            "errors": values["errors"],
        }
        trail.append(connection, [Event("certificate.issued", data=data)], at=now, actor=actor)
