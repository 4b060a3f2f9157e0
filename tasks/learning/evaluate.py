"""How well models and people agree."""

from dataclasses import dataclass
from datetime import timedelta

from handrail.store import predictions
from handrail.window import Window
from tasks.occasion import Occasion
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
def agreement(occasion: Occasion, length: timedelta = timedelta(days=7)) -> list[AgreementRow]:
    """Compare each model version's predictions with the rulings of the last days; blind rulings apart."""
    with occasion.store.read() as connection:
        rows = predictions.compared(connection, Window.last(length, occasion.now))
    found = []
    for (version, role), part in rows.groupby(["model_version", "role"]):
        same = part["predicted"] == part["decided"]
        blind = part["blind"].astype(bool)
        found.append(
            AgreementRow(
                str(version),
                str(role),
                len(part),
                float(same.mean()),
                int(blind.sum()),
                float(same[blind].mean()) if blind.any() else None,
            )
        )
    return found
