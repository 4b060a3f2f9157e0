"""Personal data leaves the texts before a model, a log or a profile sees them."""

import pandas as pd

from handrail import flags, pii
from handrail.acts import intake
from handrail.case import State
from handrail.revisions import MARKS
from handrail.store import cases
from handrail.store.cases import Redaction
from tasks.occasion import Occasion, log
from tasks.step import step


@step
def redact(occasion: Occasion) -> int:
    """Redact what has not been or was by another policy: accepted cases, history, changed cases; returns how many."""
    done = 0
    after = 0
    limit = occasion.policy.intake.batch_rows
    while True:
        with occasion.store.read() as connection:
            columns = ["text", "is_redacted", "read_under", "flags", "salt"]
            chunk = cases.pick(connection, State.ACCEPTED, columns, after=after, limit=limit)
        if chunk.empty:
            break
        after = int(chunk["case_id"].iloc[-1])
        earlier = chunk["read_under"].notna() & (chunk["read_under"] != occasion.policy.version)
        done += _save(occasion, chunk[~chunk["is_redacted"].astype(bool) | earlier])
    while True:
        with occasion.store.read() as connection:
            chunk = cases.unredacted(connection, limit)
        if chunk.empty:
            break
        done += _save(occasion, chunk)
    log.info("redacted %d cases", done)
    return done


def _save(occasion: Occasion, rows: pd.DataFrame) -> int:
    if rows.empty:
        return 0
    privacy = occasion.policy.privacy
    texts = rows["text"].tolist()
    redacted = pii.redact_many(texts, privacy.redact, region=privacy.phone_region)
    found = zip(rows["case_id"].tolist(), redacted, flags.find_flags(texts, occasion.policy), strict=True)
    marked = [[flag for flag in own if flag in MARKS] for own in rows["flags"]]
    intake.save_redactions(
        occasion.store,
        [
            Redaction(
                case_id, result.text, [[f.type, f.start, f.end] for f in result.findings], [*flagged, *marks], salt
            )
            for (case_id, result, flagged), marks, salt in zip(found, marked, rows["salt"], strict=True)
        ],
        policy=occasion.policy,
    )
    return len(rows)
