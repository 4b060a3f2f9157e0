"""A told rehearsal of twenty-four weeks with one hostile category name: what the report is drawn from in its tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from handrail.estimates import Estimate, clopper_pearson
from handrail.fairness import GapVerdict
from handrail.kpi import Kpi
from handrail.sample import EVENTS
from tasks.learning.certificate_accounts import CertificateStatus
from tasks.learning.evaluate import AgreementRow
from tasks.rehearsal.story import Gap, Judged, Planted, ReviewOutcome, Story, Training, Version, Week, WeekDrift

START = datetime(2026, 1, 5, tzinfo=UTC)
HOSTILE = "<script>alert('&')</script>"
WEEKS = 24


def kpi(name: str, value: float | None, unit: str, **more: Any) -> Kpi:  # noqa: ANN401 - fields of a KPI
    return Kpi(name, value, unit, 1600 if value is not None else 0, f"how {name} is reckoned", **more)


def gap_rows(number: int, rng: np.random.Generator) -> list[Gap]:
    rows = []
    for grouping, names in {"region": ["city", "coast", "hills", "plains"], "tier": ["basic", "plus"]}.items():
        for name in names:
            biased = name == "coast" and number >= 21
            gap = float(rng.normal(-0.07 if biased else 0.0, 0.008))
            rate = 0.88 + gap
            verdict = (
                GapVerdict.GAP if biased else GapVerdict.UNDERPOWERED if name == "hills" else GapVerdict.NONE_SHOWN
            )
            shares = (round(share, 4) for share in (rate, rate - 0.02, rate + 0.02, gap))
            rows.append(Gap(grouping, name, 900, *shares, verdict))
    return rows


def agreement_rows(number: int, rng: np.random.Generator) -> tuple[AgreementRow, ...]:
    if number == 1:
        return ()
    served = "1" if number < 8 else "3" if number < 16 else "4"
    waiting = {6: "3", 7: "3", 12: "2", 14: "4", 15: "4", 22: "5"}.get(number)
    found = [(served, "champion")] + ([(waiting, "challenger")] if waiting else [])
    return tuple(
        AgreementRow(
            version,
            role,
            compared=1200,
            agreed=float(0.88 + int(version) / 100 + rng.normal(0, 0.005)),
            blind=160,
            blind_agreed=None if number == 5 else float(0.84 + int(version) / 100 + rng.normal(0, 0.012)),
        )
        for version, role in found
    )


def week(number: int, rng: np.random.Generator) -> Week:
    cases = int(rng.integers(1500, 1750))
    share = 0.0 if number < 4 else min(0.55, 0.12 + 0.025 * number)
    automatic = int(cases * share)
    quick = 0 if number < 3 else int((cases - automatic) * 0.65)
    wrong = int(rng.binomial(automatic, 0.05 if number == 16 else 0.012)) if automatic else 0
    audits = int(automatic * 0.06)
    found = (
        clopper_pearson(int(rng.binomial(audits, wrong / automatic)), audits)
        if audits
        else Estimate(0, 0, 1, 0, 0, "no sample")
    )
    return Week(
        number=number,
        cases=cases,
        queues={"A": automatic, "B": quick, "C": cases - automatic - quick},
        reasons={"stage_shadow": cases - automatic - quick, "confident": automatic, "review band": quick},
        audited=None if number in {1, 9} else found,
        automatic=automatic,
        wrong_automatic=wrong,
        reviewed=cases - automatic,
        breaches=int(number % 5 == 0) * 7,
        quarantined=3,
        gaps=gap_rows(number, rng) if number >= 3 else [],
        agreement=agreement_rows(number, rng),
        kpis=(
            kpi("time saved per case", None if number == 1 else 0.4 + 0.11 * number, "minutes"),
            kpi("automation share", share, "share"),
            kpi("mean time to resolution", 14.0 - 0.4 * number, "hours"),
            kpi("cost per case", None if number == 1 else 4.4 - 0.07 * number, "EUR"),
            kpi("CSAT", None, "of 5"),
        ),
    )


def twenty_four_weeks() -> Story:
    """Twenty-four weeks as the sample business might go, with one hostile category name."""
    rng = np.random.default_rng(7)
    weeks = [week(number, rng) for number in range(1, WEEKS + 1)]
    for number, term in ((8, "ThermoBlend 3"), (16, "parcel locker"), (18, "summer sale")):
        weeks[number - 1].drift = WeekDrift(("text_length",), (term, "pls", "asap"))
        weeks[number - 1].retrained = [Training(str(number // 4), "drift")]
    weeks[2].stages = ["9 categories → suggest"]
    weeks[3].stages = ["9 categories → partial"]
    weeks[15].paused = [HOSTILE, "delivery_status"]
    weeks[16].resumed = ["delivery_status"]
    weeks[7].judged = [Judged("3", "promoted", gain=0.21, cases=412)]
    unsure = "the gain is not certain enough: at 95% confidence it may be as low as -0.080 EUR per case"
    weeks[12].judged = [Judged("2", "refused", (unsure,), gain=0.01, cases=220)]
    weeks[15].judged = [Judged("4", "promoted", gain=0.4, cases=512)]
    weeks[20].judged = [Judged("5", "waiting", ("31 more fresh withheld labels are needed",))]
    weeks[21].rolled_back = "3"
    statuses = ("retired", "refused", "champion", "rolled_back", "challenger")
    return Story(
        seed=7,
        start="2026-01-05",
        weeks=weeks,
        planted=[
            Planted(event.week, event.name, None if event.name == "typos_slang" else event.week) for event in EVENTS
        ],
        versions=[
            Version(
                str(number),
                status,
                cause="by_hand" if number == 1 else "drift",
                labels=1494 + 900 * number,
                metrics={"accuracy": 0.86 + number / 100, "ece": 0.06 - number / 200} if number != 5 else {},
            )
            for number, status in enumerate(statuses, start=1)
        ],
        reviews=[
            ReviewOutcome(
                HOSTILE,
                START + timedelta(weeks=15, days=2),
                evidence={"reviewed": 41, "rejected": 3, "rate": 3 / 41, "tripped": True},
            ),
            ReviewOutcome(
                "delivery_status",
                START + timedelta(weeks=15, days=3),
                evidence={"cause": "reported"},
                closed_at=START + timedelta(weeks=16),
                closed_by="stella",
                conclusion="errors looked at",
            ),
        ],
        certificates=[
            CertificateStatus(
                certificate=name,
                category=None if name == "overall" else name,
                threshold=threshold,
                labels=labels,
                errors=errors,
                until=None if threshold is None else START + timedelta(weeks=30),
                needed=needed,
                max_error=0.02,
                delta=0.05,
                looks=0,
                version="4",
                note=note,
            )
            for name, threshold, labels, errors, needed, note in (
                ("overall", 0.971, 1204, 11, 0, "certified, guarantees no single category"),
                (HOSTILE, None, 60, None, 123, "not certifiable yet: 123 more blind labels are needed"),
            )
        ],
        audited=clopper_pearson(9, 612),
        automatic=9876,
        wrong_automatic=137,
        trail_events=181_234,
        trail_valid=True,
        effects=38_111,
        states={"done": 39_000, "decided": 42},
        flow_runs=318,
        seconds=412.4,
    )
