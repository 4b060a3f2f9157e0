"""How well models and people agree, and what blind labels certify."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from handrail import certify as certification
from handrail.acts import models as model_acts
from handrail.store import evidence, models
from handrail.store.frames import records
from tasks.drift import since_last_shift
from tasks.occasion import Occasion, log
from tasks.step import step


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """How often one model version and the people who decided gave the same category."""

    model: str
    role: str
    compared: int
    agreed: float
    blind: int
    blind_agreed: float | None


@step
def agreement(occasion: Occasion, window: timedelta = timedelta(days=7)) -> list[AgreementRow]:
    """Compare each model version's predictions with the rulings of the last days; blind rulings apart."""
    with occasion.store.read() as connection:
        rows = evidence.compared(connection, since=occasion.now - window, until=occasion.now + timedelta(seconds=1))
    found = []
    for (version, role), part in rows.groupby(["model_version", "role"]):
        same = part["predicted"] == part["decided"]
        blind = part["blind"].astype(bool)
        found.append(
            AgreementRow(
                str(version), str(role), len(part), float(same.mean()), int(blind.sum()),
                float(same[blind].mean()) if blind.any() else None,
            )
        )  # fmt: skip
    return found


@step
def certify(occasion: Occasion) -> list[str]:
    """Issue certificates for the serving version where its blind simple-random labels allow it; returns whose.

    A blind label counts only if its case was drawn without regard to the prediction: everything in shadow, and the
    simple-random audits afterwards. Labels on audits lie above the threshold and cannot loosen it.
    """
    with occasion.store.read() as connection:
        version = models.serving(connection)["model_version"]
        if version is None:
            return []
        valid = models.certificates(connection, version, occasion.now)
        since = since_last_shift(connection, occasion.now - occasion.policy.certificate.valid_for)
        labels = evidence.blind_labels(connection, version, since=since)
    fair = labels[(labels["stage"] == "shadow") | labels["random"].eq(True)]  # noqa: FBT003
    fair = fair.drop_duplicates("case_id", keep="last")  # a case that two people labelled is one case
    held = {row["category"] for row in records(valid)}
    issued = []
    groups: list[tuple[str | None, pd.DataFrame]] = [(None, fair)]
    groups += [(str(name), part) for name, part in fair.groupby("predicted")]
    for category, part in groups:
        if category in held or part.empty:
            continue
        if _issue(occasion, version, category, part):
            issued.append(category or "overall")
    log.info("certificates issued: %s", ", ".join(issued) or "none")
    return issued


def _issue(occasion: Occasion, version: str, category: str | None, labels: pd.DataFrame) -> bool:
    rules = occasion.policy.certificate
    correct = (labels["label"] == labels["predicted"]).to_numpy(dtype=bool)
    result = certification.certify(
        labels["confidence"].to_numpy(dtype=float), correct, max_error=rules.max_error, delta=rules.delta
    )
    if result.threshold is None:
        return False
    model_acts.certify(
        occasion.store, model_version=version, category=category, threshold=result.threshold,
        max_error=rules.max_error, delta=rules.delta, labels=result.n, errors=result.errors,
        window_from=labels["labelled_at"].min().to_pydatetime(), window_to=labels["labelled_at"].max().to_pydatetime(),
        expires_at=occasion.now + rules.valid_for, voided_at=None, void_reason=None,
        actor=occasion.actor, now=occasion.now,
    )  # fmt: skip
    return True
