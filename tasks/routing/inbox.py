"""What comes over HTTP is read as rows of a file are, and brought to its queue by the steps of triage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from handrail import cells, rows
from handrail.acts import intake
from handrail.errors import BadInput, BatchStopped
from handrail.mapping import Consent, Fields, GivenPrediction
from handrail.mapping import Mapping as Columns
from handrail.policy import Policy
from handrail.revisions import MADE_HERE, Arrival
from handrail.rows import Parsed, field_of
from handrail.store import cases, changes, inbox
from handrail.store.engine import Store
from tasks.intake.gate import inspect, received, settle
from tasks.occasion import Occasion, log
from tasks.routing.onward import bring_on
from tasks.step import step

USUAL_FIELDS = ("channel", "region", "tier")
"""What a file without a mapping may carry, a call may carry too."""
_CALLS_AT_ONCE = 500  # each check costs the same for few rows and many
_OWN = ("external_id", "received_at", "text", "amount", "currency", "customer_id", "consent")
_EXTRA, _SAID = "fields.", "prediction."


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one row of a call: a case, `arrival` None where it is new, or what is wrong with it."""

    row: int
    case_id: int | None
    arrival: Arrival | None
    expectation: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The rows of one call, as they were read."""

    source: str
    digest: str
    ids: Sequence[str]
    parsed: Parsed
    columns: Columns

    @property
    def fields(self) -> dict[int, str | None]:
        """Which field of each bad row is wrong, by its number."""
        bad = self.parsed.bad
        names = [field_of(expectation, self.columns) for expectation in bad["expectation"]]
        return dict(zip(bad["row_number"].tolist(), names, strict=True))

    @property
    def reasons(self) -> dict[int, str]:
        """What is wrong with each bad row, by its number."""
        bad = self.parsed.bad
        return dict(zip(bad["row_number"].tolist(), bad["reason"].tolist(), strict=True))


def permitted_fields(policy: Policy) -> list[str]:
    """The extra fields that a case may carry: what the policy's rules and its model read, and the usual ones."""
    return sorted({*policy.model.fields, *policy.fairness.groups, *USUAL_FIELDS} - {"amount"})


def parse(
    posted: Sequence[Mapping[str, Any]],
    source: str,
    digest: str,
    *,
    policy: Policy,
    now: datetime,
    current_names: Mapping[str, str],
) -> Posted:
    """Read rows of case fields, with `fields` and `prediction` in objects of their own, numbered from 1.

    `current_names` says what categories of earlier policies are called now.

    Raises:
        BadInput: too many rows at once, a field that the policy does not permit, a prediction where none is expected.
    """
    limit = policy.intake.batch_rows
    if len(posted) > limit:
        raise BadInput(f"{len(posted)} cases came at once, the policy allows {limit}. Send them in parts.")
    names = permitted_fields(policy)
    unknown = sorted({name for row in posted for name in row.get("fields") or {}} - {*names})
    if unknown:
        raise BadInput(f"The policy permits no field {unknown[0]!r}. Send none but: {', '.join(names)}.")
    if policy.model.source != "given" and any(row.get("prediction") for row in posted):
        raise BadInput("Predictions are expected only where the policy's `model.source` is given. Leave them out.")
    optional = {name for name in ("received_at", "currency") if any(row.get(name) for row in posted)}
    columns = _columns(source, names, policy, optional)
    absent = {"consent": policy.privacy.consent_when_absent, "received_at": now.isoformat()}
    frame = pd.DataFrame([{**absent, **_flat(row)} for row in posted], dtype=object)
    frame = frame.reindex(columns=list(columns.columns))
    parsed = rows.parse(frame, columns, policy, default_received_at=now, first_row=1, current_names=current_names)
    ids = [cells.identifier(cells.text(row["external_id"])) for row in posted]
    return Posted(source, cases.CALL + digest[: 64 - len(cases.CALL)], ids, parsed, columns)


def _columns(source: str, names: Sequence[str], policy: Policy, optional: Collection[str]) -> Columns:
    """The columns of a call; an optional one is read only where some row has it."""
    own: dict[str, Any] = {name: name for name in _OWN if name not in ("received_at", "currency") or name in optional}
    own["consent"] = Consent(column="consent")
    if policy.model.source == "given":
        own["prediction"] = GivenPrediction(label=f"{_SAID}label", confidence=f"{_SAID}confidence")
    return Columns(source=source, fields=Fields(**own, extra={name: _EXTRA + name for name in names}))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as cells; what is absent or null in it stays so, and consent that is null was not given."""
    flat = {name: row[name] for name in _OWN if row.get(name) is not None or (name == "consent" and name in row)}
    flat |= {_EXTRA + name: value for name, value in (row.get("fields") or {}).items()}
    return flat | {_SAID + name: value for name, value in (row.get("prediction") or {}).items()}


def take_in(store: Store, posted: Posted, *, policy: Policy, actor: str, now: datetime) -> tuple[int | None, list[Row]]:
    """Store the rows of a call as received cases or in quarantine; its batch, None where all was known, and each row.

    In a store whose transactions nest, all of it is one: nobody sees half a call.

    Raises:
        NotPermitted: `actor` may not.
    """
    good, bad = posted.parsed.good, posted.parsed.bad
    delivery = intake.Delivery(posted.source, posted.digest)
    taken = intake.take_in(store, good, bad, delivery, policy=policy, actor=actor, now=now)
    batch_id = taken.delivery.batch_id
    if batch_id is not None:
        intake.note_read(store, batch_id, len(posted.ids), actor=actor)
    ids = dict(zip(good["row_number"].tolist(), good["external_id"].tolist(), strict=True))
    with store.read() as connection:
        known = cases.known(connection, posted.source, posted.ids)
        elsewhere = changes.others(connection, posted.source, [name for name in posted.ids if name not in known])
        changed = changes.of_batch(connection, batch_id, [case.id for case in known.values()])
        reopened = changes.reopened(connection, [case.id for case in known.values()])
    broken = dict(zip(bad["row_number"].tolist(), bad["expectation"].tolist(), strict=True))
    found = []
    for number, external_id in enumerate(posted.ids, start=1):
        if external_id in taken.made_here:
            broken.setdefault(number, MADE_HERE)
        if number in broken:
            found.append(Row(number, None, None, expectation=broken[number]))
            continue
        # A repeat within the call is left out of the good rows: it means the case of the row that it repeats.
        case = known.get(external_id)
        if case is None:
            found.append(Row(number, elsewhere[external_id][0][0], Arrival.DUPLICATE))
        elif number not in ids:
            found.append(Row(number, case.id, Arrival.DUPLICATE))
        elif case.batch_id == batch_id:
            found.append(Row(number, case.id, Arrival.REOPENED if case.id in reopened else None))
        else:
            found.append(Row(number, case.id, Arrival.CHANGED if case.id in changed else Arrival.DUPLICATE))
    return batch_id, found


def bring_in(occasion: Occasion) -> dict[str, int]:
    """Bring whatever waits on its way to its queue, by the steps of triage; how many went to each queue.

    Each step picks up its cases by their state: killed at any moment and called again, it completes what it began.
    """
    admit(occasion)
    with occasion.store.read() as connection:
        waits = inbox.is_on_the_way(connection)
    if not waits:
        _close(occasion)
        return dict.fromkeys("ABC", 0)
    routed = bring_on(occasion)
    _close(routed.occasion)
    return routed.queues


@step
def admit(occasion: Occasion) -> int:
    """Let Great Expectations look at all calls that nobody has gated, many in one check; how many there were."""
    done = 0
    # In turns: a desk and a scheduled flow would judge the same calls side by side.
    with occasion.store.turn("inbox"):
        while True:
            with occasion.store.read() as connection:
                batches = inbox.open_calls(connection, _CALLS_AT_ONCE)
            if not batches:
                return done
            _gate(occasion, batches)
            done += len(batches)


def _gate(occasion: Occasion, batches: Sequence[int]) -> None:
    chunks = [chunk.assign(batch=batch) for batch in batches for chunk in received(occasion, batch)]
    owners: dict[int, int] = {}
    for chunk in chunks:
        owners |= dict(zip(chunk["case_id"].tolist(), chunk["batch"].tolist(), strict=True))
    together = [pd.concat(chunks, ignore_index=True).drop(columns="batch")] if chunks else []
    failures, accepted, history = inspect(occasion, together)
    for batch in batches:
        mine = failures[failures["case_id"].map(owners) == batch]
        good = [case_id for case_id in accepted if owners[case_id] == batch]
        try:
            settle(occasion, batch, mine, good, [case_id for case_id in history if owners[case_id] == batch])
        except BatchStopped as stopped:
            log.warning("%s", stopped)
            continue
        with occasion.store.read() as connection:
            is_call = cases.batch(connection, batch).file_digest.startswith(cases.CALL)
        if not is_call:  # a file that was released: no run of it is under way that would close it
            intake.close_batch(occasion.store, batch, "done", actor=occasion.actor, now=occasion.now)


def _close(occasion: Occasion) -> None:
    with occasion.store.read() as connection:
        batches = inbox.gated_calls(connection, _CALLS_AT_ONCE)
    for batch in batches:
        intake.close_batch(occasion.store, batch, "done", actor=occasion.actor, now=occasion.now)
