"""Every flow runs under Prefect and shows its findings; nothing that a customer or reviewer wrote leaves the store."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.testing.utilities import prefect_test_harness

from flows.agreement_watch import agreement_watch
from flows.alerting import alerting
from flows.audit_sampling import audit_sampling
from flows.deployment import deployment
from flows.drift_detection import drift_detection
from flows.fairness_watch import fairness_watch
from flows.kpi_report import kpi_report
from flows.quality_watch import QualityLook, quality_watch
from flows.queue_assignment import queue_assignment
from flows.retention import retention
from flows.retraining import retraining
from flows.shadow_scoring import shadow_scoring
from flows.sla_watch import sla_watch
from flows.triage import triage
from handrail.acts import claiming, deciding, pausing
from handrail.case import Outcome
from handrail.ruling import Ruling
from handrail.store import schema, trail, watch_runs
from handrail.watches import BY_NAME
from tasks import publish
from tasks.intake.outcomes import import_outcomes
from tasks.step import recorded, step
from tests.logs import every_line
from tests.shop import HISTORY, LATER, Shop, letters

SECRETS = {
    "text": "Xylophonia",
    "email": "quetzal@example.com",
    "customer_id": "Zanzibarius",
    "external_id": "Wolpertinger",
    "note": "Brunhildean",
    "reason": "Mephistophelic",
    "bad_cell": "Kumquatish",
}
DAY = timedelta(days=1)
ARTIFACTS = {
    "triage": {"triage-queues", "data-docs", "approval-held"},
    "queue-assignment": {"queues", "approval-held"},
    "shadow-scoring": {"agreement", "certificates"},
    "sla-watch": {"sla-breaches"},
    "audit-sampling": {"audit-draw", "audit-estimates"},
    "quality-watch": {"breaker", "blind-share"},
    "drift-detection": {"drift-columns", "drift-terms", "drift-verdict"},
    "fairness-watch": {"fairness", "fairness-findings"},
    "agreement-watch": {"reviewer-agreement", "reviewer-signals"},
    "kpi-report": {"kpis", "kpi-notes"},
    "alerting": {"alerts"},
    "retraining": {"retraining", "retraining-triggers"},
    "deployment": {"deployment"},
    "retention": {"retention"},
}
"""What each flow shows in the Prefect UI."""


class Journey:
    """A shop in which every flow has run once under Prefect, with secrets in every place that people fill."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.results = shop, dict[str, Any]()
        with every_line() as self.logs:
            self._live()
        with get_client(sync_client=True) as client:
            self.artifacts: list[Artifact] = client.read_artifacts()
            self.runs: list[FlowRun] = client.read_flow_runs()
            flows = {flow.id: flow.name for flow in client.read_flows()}
        self.names = {run.id: flows[run.flow_id] for run in self.runs}

    def _flow(self, flow: Callable[..., Any], moment: Any, **parameters: Any) -> Any:  # noqa: ANN401 - any flow's
        found = flow(**parameters, as_of=moment.isoformat(), home=str(self.shop.workspace.home))
        self.results[flow.name] = found  # type: ignore[attr-defined]
        return found

    def _live(self) -> None:
        cases = letters(HISTORY // 2)
        secret = f"{SECRETS['text']} {SECRETS['email']}"
        for case in cases[:6]:
            case |= {"text": f"{case['text']} {secret}", "customer_id": SECRETS["customer_id"]}
        cases[0]["external_id"] = SECRETS["external_id"]
        cases[7]["amount"] = SECRETS["bad_cell"]
        file = self.shop.write("live.csv", cases)
        self._flow(triage, LATER, file=str(file), mapping=str(self.shop.mapping), watches=True)
        self._flow(queue_assignment, LATER)
        self._decide()
        outcomes = self.shop.workspace.home / "outcomes.csv"
        outcomes.write_text(f"external_id,kind,at,value\nlive-1,csat,{LATER.isoformat()},4\n")
        import_outcomes(self.shop.at(LATER), outcomes, None)
        self._flow(drift_detection, LATER)
        self._flow(retraining, LATER, cause="by_hand")
        self._flow(shadow_scoring, LATER)
        self._flow(audit_sampling, LATER)
        self._flow(quality_watch, LATER)
        self._flow(fairness_watch, LATER)
        self._flow(agreement_watch, LATER)
        self._flow(kpi_report, LATER)
        self._flow(sla_watch, LATER + 5 * DAY)
        self._flow(alerting, LATER + 5 * DAY)
        queue_assignment(as_of=(LATER + 5 * DAY).isoformat(), home=str(self.shop.workspace.home))
        self._flow(deployment, LATER, act="pause", category="refund", reason=SECRETS["reason"])
        self._flow(retention, LATER + 4 * 365 * DAY, dry_run=False, purger="stella")

    def _decide(self) -> None:
        occasion = self.shop.at(LATER)
        known = {"policy": occasion.policy, "now": LATER}
        (claim, *rest) = claiming.claim(occasion.store, "rita", limit=20, **known)
        rulings = [Ruling(claim.item_id, claim.fence, Outcome.DENY, reason_code="legal", note=SECRETS["note"])]
        rulings += [
            Ruling(one.item_id, one.fence, Outcome.OVERRIDE, "complaint", "wrong_category", SECRETS["note"], 30.0)
            for one in rest
        ]
        deciding.decide(occasion.store, rulings, "rita", **known)


@pytest.fixture(scope="module")
def journey(learned_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """One journey under a Prefect server of its own, looked at by all the tests of this file."""
    home = Path(shutil.copytree(learned_home, tmp_path_factory.mktemp("journey") / "home"))
    with prefect_test_harness(server_startup_timeout=120):
        yield Journey(Shop(home))


@pytest.mark.slow
def test_every_flow_completes_under_prefect(journey: Journey) -> None:
    states = {journey.names[run.id]: run.state_name for run in journey.runs}
    assert states == dict.fromkeys(ARTIFACTS, "Completed")


@pytest.mark.slow
def test_every_scheduled_flow_notes_its_success_under_prefect_too(journey: Journey) -> None:
    with journey.shop.at().store.read() as connection:
        runs = watch_runs.runs(connection)
    by_hand = {"retraining", "deployment"}  # what the journey asks of these is none of the watch's looks
    assert by_hand.isdisjoint(runs)
    for name in set(BY_NAME).intersection(flow.replace("-", "_") for flow in ARTIFACTS) - by_hand:
        assert runs[name].succeeded_at is not None, name
        assert runs[name].failed_since is None, name
    assert {one.asked_at for one in runs.values()} == {None}, "a server that starts nothing by itself is not asked"


@pytest.mark.slow
@pytest.mark.parametrize("name", ARTIFACTS)
def test_each_flow_shows_what_it_found(journey: Journey, name: str) -> None:
    keys = {artifact.key for artifact in journey.artifacts if journey.names[artifact.flow_run_id] == name}
    assert keys == ARTIFACTS[name]


@pytest.mark.slow
def test_what_holds_automatic_approval_is_shown_with_the_watch(journey: Journey) -> None:
    shown = [str(artifact.data) for artifact in journey.artifacts if artifact.key == "approval-held"]
    assert len(shown) == 3
    assert sum("Nothing to show" in one for one in shown) == 2
    assert any("quality watch" in one and "was last heard at" in one for one in shown)


@pytest.mark.slow
def test_the_flows_found_what_there_was(journey: Journey) -> None:
    results = journey.results
    assert results["triage"].quarantined == 1
    assert results["triage"].queues["A"] > 0
    assert results["queue-assignment"]["delivered"] == 0
    assert results["retraining"].version == "2"
    assert results["shadow-scoring"].agreement[0].compared > 0
    assert results["sla-watch"]["breached"] > 0
    assert results["retention"]["inputs"] > 0
    shown = {one.name: one.shown() for one in results["kpi-report"]}
    assert shown["CSAT"] == "4.00 of 5"
    assert shown["error rate of auto-approvals"] == "not measured"
    assert {one.grouping for one in results["fairness-watch"]} == {"region"}


@pytest.mark.slow
@pytest.mark.parametrize("secret", SECRETS)
def test_no_trail_body_log_line_report_or_artifact_tells_a_secret(journey: Journey, secret: str) -> None:
    word = SECRETS[secret].encode()
    with journey.shop.at().store.read() as connection:
        assert trail.verify(connection).valid
    bodies = b"\n".join(row["body"] for row in journey.shop.rows(schema.TrailEvent))
    assert len(bodies) > 10_000
    assert word not in bodies
    logs = "\n".join(journey.logs).encode()
    assert b"handrail: scored" in logs
    assert word not in logs
    pages = [path for path in journey.shop.workspace.expectations_dir.rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in pages)
    assert not [path for path in pages if word in path.read_bytes()]
    assert not [artifact.key for artifact in journey.artifacts if word in str(artifact.data).encode()]


@pytest.mark.slow
def test_no_parameter_but_the_stewards_own_sentence_tells_a_secret(journey: Journey) -> None:
    told = {
        journey.names[run.id]: [name for name, word in SECRETS.items() if word in str(run.parameters)]
        for run in journey.runs
    }
    assert {name: found for name, found in told.items() if found} == {"deployment": ["reason"]}


class TestPlainCalls:
    """Outside of a flow run nothing is published and nothing asks for a server."""

    def test_publishing_does_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_: object) -> None:
            raise AssertionError("a server was asked for")

        for name in ("create_table_artifact", "create_markdown_artifact", "create_link_artifact", "emit_event"):
            monkeypatch.setattr(publish, name, fail)
        publish.table("key", [{"a": 1}], "some")
        publish.text("key", "words")
        publish.link("key", "file:///x", "a page")
        publish.event("handrail.test", "resource", {})

    def test_a_step_is_a_plain_call(self) -> None:
        @step
        def double(number: int) -> int:
            """Twice the number."""
            return 2 * number

        assert not recorded()
        assert double(4) == 8
        assert (double.__name__, double.__doc__) == ("double", "Twice the number.")

    def test_a_category_paused_by_hand_is_told_without_a_server(self, shop: Shop) -> None:
        occasion = shop.at()
        pausing.pause(occasion.store, "refund", reason="odd", policy=occasion.policy, actor=occasion.actor, now=LATER)
        assert shop.run(quality_watch) == QualityLook((), {}, (), ())
