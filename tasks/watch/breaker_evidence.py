"""The evidence that a pause by the breaker hands to its model review: ids, names of terms and groups, counts."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd

from handrail import breaker
from handrail.acts import breaking
from handrail.breaker import suspects
from handrail.figures.breaker import BreakerEvidence, BreakerFigures, EvidenceHour, LiteralWindow
from handrail.store import breaker as memory
from handrail.store import pauses, readable
from tasks.occasion import Occasion

CASES, HOURS, AUDITS = 50, 48, 5_000
"""Most case ids, hours of the path and audits that are looked at."""


def evidence(occasion: Occasion, reading: BreakerFigures) -> BreakerEvidence:
    """What both rules rest on: figures, rejected cases, telling terms, groups, the evidence hour by hour."""
    policy, category = occasion.policy, reading.category
    with occasion.store.read() as connection:
        resumed, state = pauses.last_resume(connection, category), breaking.detector_state(connection, category, policy)
        since = occasion.now - policy.breaker.window
        if state is not None:
            since = min(since, state.since - timedelta(hours=1))
        audits = memory.counted(connection, category, since=since, approved_after=resumed, limit=AUDITS)
        seen = readable.of(connection, audits["case_id"].tolist(), policy)
    reviewed, rejected = reading.figures
    bad = audits["rejected"].to_numpy(dtype=bool)
    content = audits.merge(seen, on="case_id")
    bad_content = content["rejected"].to_numpy(dtype=bool)
    figures = reading.to_json() | {
        "reviewed": reviewed,
        "rejected": rejected,
        "rate": rejected / reviewed if reviewed else 0.0,
    }
    return replace(
        BreakerEvidence.from_json(figures),
        window=LiteralWindow(reviewed=reading.reviewed, rejected=reading.rejected, rate=reading.rate),
        cases=tuple(audits.loc[bad, "case_id"].tolist()[-CASES:]),
        terms=tuple(suspects.telling_terms(content["text"].tolist(), bad_content, content["case_id"].tolist())),
        groups=tuple(suspects.groups(content["fields"].tolist(), bad_content, policy.fairness.groups)),
        path=tuple(_path(occasion, audits)),
    )


def _path(occasion: Occasion, audits: pd.DataFrame) -> list[EvidenceHour]:
    at = [moment.to_pydatetime() for moment in audits["audited_at"]]
    steps = breaker.path(breaking.detector_of(occasion.policy.breaker), breaker.by_hour(at, audits["rejected"]))
    return [
        EvidenceHour(at=one.at.isoformat(), reviewed=one.reviewed, rejected=one.rejected, level=round(one.level, 6))
        for one in steps[-HOURS:]
    ]
