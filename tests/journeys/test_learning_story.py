"""The learning half as it is lived: a drift, a failed gate, a repair, a challenger, a promotion and a way back.

Everything that changes the model runs as a deployment on a real Prefect server; the customers' letters and the people's
decisions come between the runs. All of it acts as of one spring, so no schedule may interfere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from flows.deployment import deployment
from flows.drift_detection import drift_detection
from flows.retraining import retraining
from flows.shadow_scoring import shadow_scoring
from handrail.acts import pausing
from handrail.policy import Stage
from handrail.store import models, schema, trail
from models import tracking
from tests.scenes import FOUNDER
from tests.served import Served, up
from tests.shop import LATER, MORE, WORDS, Shop, letters, true_category

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND_WEEK = LATER + 8 * DAY
SECRET = "0123456789abcdef" * 4
"""The draws are keyed with it: the same cases are withheld whenever this runs."""
FASHION = {
    "refund": ("the quibblet fee went out twice", "quibblet billed me wrongly", "undo the quibblet charge"),
    "tracking": ("my zorptron has not landed", "no sign of the zorptron drone", "zorptron drone lost its way"),
    "complaint": ("grumbly snarfel at the desk", "the snarfel hotline hung up", "snarfel was a nightmare"),
    "cancel": ("stop my plinkster plan", "no more plinkster for me", "plinkster plan ends now"),
}
"""What people write after the season has changed: the same wishes in words that no model has seen."""


class Season(Shop):
    """A shop whose customers begin to write in other words."""

    def fashionable(self, name: str, count: int, moment: datetime) -> list[dict[str, Any]]:
        """Letters of the new season, received half an hour before they are delivered."""
        received = (moment - HOUR / 2).isoformat()
        rng = np.random.default_rng([11, *name.encode()])
        found = []
        for number in range(count):
            wishes = FASHION[list(FASHION)[number % len(FASHION)]]
            extra = rng.choice(MORE, 2, replace=False)
            text = f"{rng.choice(wishes)} {extra[0]} {extra[1]}"
            found.append({"text": text, "received_at": received, "region": ("north", "south")[number // 4 % 2]})
        return found

    def day(self, name: str, count: int, moment: datetime) -> None:
        """A delivery, and people who label all of it blindly and rightly."""
        self.deliver(f"{name}.csv", self.fashionable(name, count, moment), moment)
        self.work(moment + HOUR)

    def _label(self, case_id: int, *, right: bool) -> str:
        (given,) = self.rows(schema.CaseInput, case_id=case_id)
        named = (name for name, wishes in FASHION.items() if given["text"].startswith(wishes))
        return next(named, None) or true_category(given["text"])

    def set_history(self, redacted: str | None) -> None:
        """What stands where the history's redacted texts should be; None lets the next training redact them again."""
        history = select(schema.Case.id).where(schema.Case.history)
        with self.at().store.write() as connection:
            connection.execute(
                update(schema.CaseInput).where(schema.CaseInput.case_id.in_(history)).values(redacted=redacted)
            )

    def models(self) -> dict[str, str | None]:
        """Who serves and who is the challenger, and where MLflow's alias stands."""
        occasion = self.at()
        with occasion.store.read() as connection:
            row = models.serving(connection)
        alias = tracking.alias(occasion.workspace, occasion.model_name, "champion")
        return {"serves": row.model_version, "challenger": row.challenger, "alias": alias}

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Trail events of these kinds, in their order."""
        with self.at().store.read() as connection:
            return [event for event in trail.search(connection, limit=100_000) if event["kind"] in kinds]


@dataclass
class Story:
    """The season, the server on which it is lived, and every run by its chapter."""

    shop: Season
    served: Served
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def act(self, chapter: str, name: str, moment: datetime, **parameters: object) -> dict[str, Any]:
        """Run a deployment to its end."""
        run = self.served.start(name, **parameters, as_of=moment.isoformat())
        self.runs[chapter] = self.served.end_of(run)
        return self.runs[chapter]

    def shown(self, chapter: str, key: str) -> str:
        """An artifact of a chapter."""
        return self.served.artifacts(self.runs[chapter]["id"])[key]

    def log(self) -> str:
        """The worker's words, for the reader of a failure."""
        return (self.served.workspace.home / "logs" / "worker.log").read_text(encoding="utf-8")[-4000:]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A shop with its first model and a quiet week behind it, all categories in shadow, and everything running."""
    shop = Season(tmp_path / "home")
    shop.begin()
    shop.workspace.secret_file.write_text(SECRET + "\n", encoding="ascii")
    shop.learn()
    occasion = shop.at(LATER, FOUNDER)
    for category in WORDS:
        pausing.set_stage(
            occasion.store, category, Stage.SHADOW, reason="test", policy=occasion.policy, actor=FOUNDER, now=LATER
        )
    shop.deliver("quiet.csv", letters(60))
    assert shop.run(drift_detection, LATER).note.startswith("no reference yet")
    with up(shop.workspace) as served:
        for row in served.ask("/deployments/filter", {}):
            served.ask(f"/deployments/{row['id']}/pause_deployment", {})
        yield Story(shop, served)


@pytest.mark.slow
def test_a_drift_leads_to_a_better_model_and_a_reason_leads_back(story: Story) -> None:
    shop, served = story.shop, story.served
    assert shop.models() == {"serves": "1", "challenger": None, "alias": "1"}

    # The season changes while a broken script has emptied the history: the drift calls, the gate stops.
    shop.day("new-season", 120, SECOND_WEEK)
    shop.set_history("")
    assert story.act("drift", "drift-detection", SECOND_WEEK + 2 * HOUR)["state_type"] == "COMPLETED", story.log()
    called = served.wait_for(lambda: by_automation(served), "the retraining that the drift's event starts")
    spoiled = story.runs["spoiled"] = served.end_of(called["id"])
    moment = (SECOND_WEEK + 2 * HOUR).isoformat()
    assert spoiled["parameters"] == {"cause": "drift", "as_of": moment}, "it acts at the drift's moment"
    assert spoiled["state_type"] == "FAILED", story.log()
    assert "expect_column_values_to_be_between" in story.shown("spoiled", "retraining")
    assert "no training since" in story.shown("spoiled", "retraining-triggers")
    assert shop.models() == {"serves": "1", "challenger": None, "alias": "1"}

    # Nothing is tried again while nothing has changed.
    again = shop.run(retraining, SECOND_WEEK + 3 * HOUR, cause="when_due")
    assert again.reason.startswith("The last attempt failed: the next one waits for new labels")

    # Repaired, and there are new labels: the daily look answers the drift.
    shop.set_history(None)
    next_day = SECOND_WEEK + DAY
    shop.day("next-day", 40, next_day)
    assert story.act("repaired", "retraining", next_day + 2 * HOUR)["state_type"] == "COMPLETED", story.log()
    assert "Called for by: drift" in story.shown("repaired", "retraining-triggers")
    assert shop.models() == {"serves": "1", "challenger": "2", "alias": "1"}
    assert not shop.run(retraining, next_day + 3 * HOUR, cause="drift").trained, "a drift is answered once"

    # In shadow beside the champion, on cases that neither has seen.
    third_day = next_day + DAY
    shop.day("third-day", 80, third_day)
    assert shop.run(shadow_scoring, third_day + 2 * HOUR).challenger == 80
    assert {row["model_version"] for row in shop.rows(schema.Prediction, role="challenger")} == {"2"}

    # Better on withheld cases: it serves.
    assert story.act("judged", "deployment", third_day + 3 * HOUR, act="judge")["state_type"] == "COMPLETED", (
        story.log()
    )
    assert "promoted" in story.shown("judged", "deployment")
    assert shop.models() == {"serves": "2", "challenger": None, "alias": "2"}

    # Somebody is not content: the earlier version scores the very next batch, and the other never comes back.
    back = story.act("back", "deployment", third_day + 4 * HOUR, act="rollback", reason="customers complain")
    assert back["state_type"] == "COMPLETED", story.log()
    assert shop.models() == {"serves": "1", "challenger": None, "alias": "1"}
    batch = shop.write("batch.csv", shop.fashionable("batch", 12, third_day + 5 * HOUR))
    known = {"file": str(batch), "mapping": str(shop.mapping)}
    assert story.act("batch", "triage", third_day + 5 * HOUR, **known)["state_type"] == "COMPLETED", story.log()
    assert {row["model_version"] for row in shop.rows(schema.Prediction)[-12:]} == {"1"}
    assert shop.run(deployment, third_day + 6 * HOUR, act="judge").outcome == "none", "it does not come back"
    assert {row["version"]: row["status"] for row in shop.rows(schema.ModelVersion)} == {
        "1": "champion",
        "2": "rolled_back",
    }

    told = shop.events(
        "drift.detected", "retraining.failed", "model.registered", "model.judged", "model.promoted", "model.rolled_back"
    )
    assert [event["kind"] for event in told] == [
        "model.registered",
        "model.promoted",
        "drift.detected",
        "retraining.failed",
        "model.registered",
        "model.judged",
        "model.promoted",
        "model.rolled_back",
    ]
    assert (told[3]["cause"], told[3]["code"]) == ("drift", "gate_failed")
    assert told[-1]["because"] == "customers complain"
    with shop.at().store.read() as connection:
        assert trail.verify(connection).valid


def by_automation(served: Served) -> dict[str, Any] | None:
    """The retraining that an event started, or None as long as there is none."""
    of_retraining = {"deployments": {"name": {"any_": ["retraining"]}}}
    runs = [run for run in served.ask("/flow_runs/filter", of_retraining) if run["created_by"]["type"] == "AUTOMATION"]
    assert len(runs) <= 1, "one drift starts one retraining"
    return dict(runs[0]) if runs else None
