"""`handrail status`: what an operator wants to know first."""

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import tasks.views.overview
from console.answer import deployments_on, running_server, switched_off, table, told, warn
from console.certificates import in_short
from console.stages import in_short as in_short_stages
from handrail.errors import HandrailError
from handrail.proportions import in_percent
from handrail.store.policies import Source
from handrail.watches import BY_NAME, Off, Outlook, Sight
from tasks.occasion import Occasion
from tasks.views.overview import Audited, Calls, Overview, Routed, sentence_of

WIDTH = 80
FEW = 3
"""Watches that are named one by one where nobody looks at all."""


@dataclass(frozen=True, slots=True)
class Status:
    """The workspace, and the Prefect server that serves it: its address, whether it answers, and what is off there."""

    overview: Overview
    prefect: str | None
    prefect_answers: bool
    paused_deployments: tuple[str, ...]
    switched_off: Mapping[str, Off]

    def to_json(self) -> dict[str, Any]:
        """As JSON can."""
        return {
            **self.overview.to_json(),
            "prefect": self.prefect,
            "prefect_answers": self.prefect_answers,
            "paused_deployments": list(self.paused_deployments),
            "switched_off": {name: str(why) for name, why in self.switched_off.items()},
        }


def overview(occasion: Occasion) -> Status:
    """The workspace at the occasion's moment, with the server that serves it and what is paused there."""
    server = running_server(occasion.workspace.server_file)
    try:
        deployments = deployments_on(server) if server else []
    except HandrailError as refusal:
        warn(str(refusal))
        deployments = None  # not *none*: it could not be asked
    off = switched_off(deployments) if server and deployments is not None else {}
    return Status(
        tasks.views.overview.overview(occasion),
        server,
        deployments is not None,
        tuple(str(row["name"]) for row in deployments or () if row["paused"]),
        {name: why for name, why in off.items() if why is not None},
    )


def shown(status: Status) -> str:
    """The overview as lines of at most eighty characters, where names allow."""
    seen = status.overview
    states = "  ".join(f"{state} {count}" for state, count in seen.cases.items()) or "no case yet"
    lines = [f"{seen.business}  policy {seen.policy}  {seen.home}"]
    if seen.founding.sentence:
        lines.append(f"{'ALTERED' if seen.founding.altered else 'workspace':10} {seen.founding.sentence}")
    if seen.source:
        lines.append(f"policy     {_made(seen.source)}")
    lines += [f"cases      {states}", f"model      {_model(seen)}"]
    if seen.holds.unavailable:
        broken = seen.holds.unavailable
        lines.append(
            f"BROKEN     the model cannot be used ({broken.cause}) since {broken.since[:16]}: every case goes to "
            "people. `handrail doctor` says what to do."
        )
    lines.append(f"threshold  {in_short(seen.certificates, seen.uncertified)}")
    lines += [f"automated  {_automated(seen.routed)}", f"audits     {_audited(seen.audited)}"]
    lines += [f"{'':10} {sentence}" for sentence in _asked(seen.audited)]
    lines += [f"{'' if at else 'settled':10} {said}" for at, said in enumerate(seen.differences.sentences)]
    lines.append(f"escalated  {seen.escalations} open")
    lines += [
        f"STOPPED    delivery {one.id} of {one.source} since {one.started_at:%Y-%m-%d %H:%M}: "
        f"`handrail quarantine list --batch {one.id}` says why; correct the file and run it again, or "
        f"`handrail quarantine release {one.id} --reason …` lets the good rows go on"
        for one in seen.stopped
    ]
    lines += _watched(seen.watches)
    lines += _holds(status)
    lines += _retraining(seen.retraining)
    stages: dict[str, list[str]] = {}
    for category, stage in seen.stages.items():
        stages.setdefault(str(stage), []).append(category)
    lines += [
        f"{'stages' if at == 0 else '':10} {stage}: {' · '.join(names)}"
        for at, (stage, names) in enumerate(stages.items())
    ]
    lines += [f"{'' if at else 'next stage':10} {line}" for at, line in enumerate(in_short_stages(seen.readiness))]
    lines = [textwrap.fill(line, WIDTH, subsequent_indent=" " * 13, break_long_words=False) for line in lines]
    nothing = "Nothing waits for people."
    if seen.has_arrived:
        nothing += "\nCases have arrived that are not in a queue yet: `handrail watch` brings them there."
    columns = ["queue", "kind", "waiting", "overdue", "next_due"]
    return "\n".join(lines) + "\n\n" + table([asdict(row) for row in seen.waiting], columns, empty=nothing)


def _model(seen: Overview) -> str:
    if seen.model is None and seen.challenger:
        return (
            f"none serves: every case goes to people. Version {seen.challenger} waits: `handrail model show "
            f"{seen.challenger}` has its figures."
        )
    if seen.model is None:
        return "none: every case goes to people. Train one with `handrail train`."
    figures = seen.model.metrics
    return (
        f"version {seen.model.version}, {seen.model.labels} labels, accuracy {figures['accuracy']:.3f}, "
        f"ECE {figures['ece']:.3f}" + (f"; challenger {seen.challenger}" if seen.challenger else "")
    )


def _watched(watches: Outlook) -> list[str]:
    """How much is watched; then each watch that is not well, with what to do."""
    unwell = [look for look in watches.looks if not look.is_well]
    head = "all of it" if not unwell else f"{len(watches.looks) - len(unwell)} of {len(watches.looks)} watches"
    last = "nobody has looked yet" if watches.looked_at is None else f"last look {told(watches.looked_at)}"
    if watches.sight in (Sight.NEVER, Sight.NOBODY):
        lines = [f"WATCHED    {last}: silence means nothing"]
    else:
        lines = [f"watched    {head}, {last}"]
    named = unwell if len(unwell) <= FEW or watches.sight is Sight.IN_PART else []
    lines += [f"{'':10} {look.watch.title}: {sentence_of(look)}" for look in named]
    return [*lines, f"{'':10} {watches.start}"] if unwell else lines


def _automated(routed: Routed) -> str:
    if routed.share is None:
        return "no case was routed in 7 days"
    return f"{in_percent(routed.share)} of the last 7 days ({routed.automatic:,} of {routed.cases:,} routed cases)"


def _audited(audited: Audited) -> str:
    """The counts and the rate of the same audits: every one so far of what was approved in the four weeks."""
    if not audited.approvals:
        return "nothing was approved automatically in 28 days"
    if audited.rate is None:
        return f"none of {audited.approvals:,} auto-approvals of 28 days: nobody knows how many are wrong"
    between = f"{in_percent(audited.low)} to {in_percent(audited.high)}"
    return (
        f"{audited.rejected:,} of {audited.audited:,} audited approvals of 28 days were wrong; weighted for how they "
        f"were drawn: {in_percent(audited.rate)} ({between}) of {audited.approvals:,}"
    )


def _asked(audited: Audited) -> list[str]:
    """What a business day asks of people, and what waits for one of them."""
    asked, each = audited.at_least_a_day, audited.minutes_each
    cost = f"at least {asked} looks a day, about {asked * each:.0f} minutes ({each * 60:.0f} s a look)"
    lines = [cost] if asked and audited.approvals else []
    return lines + ([f"{audited.pending:,} contradictions wait for another person"] if audited.pending else [])


def _made(source: Source) -> str:
    """From what the policy in force was made, when, and who put it there."""
    made = {
        "labels": f"made from the labels of {source.name or 'a file'}",
        "business": f"the business {source.name or 'of Handrail'} as it came",
        "file": f"from {source.name or 'a file'}",
    }.get(source.origin or "", "in force")
    return f"{made}, {source.at:%Y-%m-%d %H:%M} UTC by {source.by}"


def _retraining(calls: Calls) -> list[str]:
    """What calls for a training, and each trigger's figure beside the policy's bound."""
    if calls.held_until:
        head = f"the last attempt failed: the next waits for labels or {calls.held_until:%Y-%m-%d %H:%M} UTC"
    else:
        head = f"called for by {calls.called_for_by}" if calls.called_for_by else "not called for"
    triggers = [f"{cause.replace('_', ' ')}: {sentence}" for cause, sentence in calls.triggers.items()]
    return [f"training   {head}", *(f"{'':10} {trigger}" for trigger in triggers)]


def _holds(status: Status) -> list[str]:
    holds = status.overview.holds
    lines = [
        f"PAUSED     {pause.category or 'everything'} since {pause.since:%Y-%m-%d %H:%M}: {pause.reason}"
        for pause in holds.pauses
    ]
    lines += [f"ALTERED    {one.sentence}" for one in holds.altered]
    lines += [f"HELD       {one.sentence} Run the watch, or start `handrail up`." for one in holds.held]
    if holds.unwatched:
        names = ", ".join(holds.unwatched)
        lines.append(f"HELD       {names}: the breaker could not be read; the quality watch's log says where")
    if status.paused_deployments:
        lines.append(f"prefect    paused deployments: {', '.join(status.paused_deployments)}")
    off = [f"{BY_NAME[name].deployment} ({why})" for name, why in status.switched_off.items() if why is not Off.PAUSED]
    if off:
        lines.append(f"prefect    does not start: {', '.join(off)}")
    if not status.prefect_answers:
        lines.append("prefect    the server does not say what is paused or switched off")
    lines += [
        f"drift      {drift.found_at:%Y-%m-%d}: {', '.join(drift.columns) or 'new terms'}"
        for drift in status.overview.drifts
    ]
    return lines
