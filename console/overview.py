"""`handrail status`: what an operator wants to know first."""

import textwrap
from datetime import timedelta
from typing import Any

from console.answer import paused_deployments, running_server, table
from console.certificates import in_short
from handrail import retraining
from handrail.acts import incidents
from handrail.hold import held_since
from handrail.store import cases, evidence, models, outbox, queue, rollout
from handrail.store.frames import records
from tasks.accounts import certified
from tasks.occasion import Occasion
from tasks.standing import standing

WIDTH = 80


def overview(occasion: Occasion) -> dict[str, Any]:
    """Counts, pauses, stages, model, drift and watches of the workspace at the occasion's moment."""
    now, policy = occasion.now, occasion.policy
    server = running_server(occasion.workspace.server_file)
    with occasion.store.read() as connection:
        serving = models.serving(connection)
        incident = incidents.unavailable(connection)
        version = models.version(connection, serving["model_version"]) if serving["model_version"] else None
        week = evidence.routed(connection, since=now - timedelta(days=7), until=now + timedelta(seconds=1))
        audits = evidence.audits(connection, since=now - timedelta(days=28), until=now)
        started = rollout.last_stage_change(connection) or now
        held = held_since(rollout.watches(connection), started, policy.watches.silent_for, now)
        value = {
            "home": str(occasion.workspace.home),
            "business": policy.business,
            "policy": policy.version,
            "cases": cases.state_counts(connection),
            "waiting": records(evidence.waiting(connection, now)),
            "escalations": len(queue.open_escalations(connection)),
            "outbox": outbox.counts(connection),
            "stages": {name: str(stage) for name, stage in rollout.stages(connection, policy).items()},
            "pauses": records(rollout.pauses(connection)),
            "drifts": records(models.drifts(connection, 3)[["id", "found_at", "columns", "raises_audits_until"]]),
        }
    drawn, certificates = audits[audits["random"]], certified(occasion)
    known = standing(occasion)
    value |= {
        "retraining": {
            "called_for_by": retraining.called_for(known, policy),
            "held_until": retraining.held_until(known, policy),
            "triggers": {reading.cause: reading.sentence for reading in retraining.read(known, policy)},
        },
        "model": None
        if version is None
        else {k: version[k] for k in ("version", "labels", "registered_at", "metrics")},
        "challenger": serving["challenger"],
        "unavailable": None if incident is None else {"since": incident["at"], "cause": incident["cause"]},
        "certified": [row["certificate"] for row in certificates if row["threshold"] is not None],
        "certificates": certificates,
        "uncertified": policy.queues.uncertified,
        "automation_share_7d": float((week["queue"] == "A").mean()) if len(week) else None,
        "audited_28d": {"audited": len(drawn), "rejected": int(drawn["rejected"].sum())},
        "held": None if held is None else {"watch": held[0], "since": held[1]},
        "prefect": server,
        "paused_deployments": paused_deployments(server) if server else [],
    }
    return value


def shown(value: dict[str, Any]) -> str:
    """The overview as lines of at most eighty characters, where names allow."""
    model = value["model"]
    states = "  ".join(f"{state} {count}" for state, count in value["cases"].items()) or "no case yet"
    lines = [f"{value['business']}  policy {value['policy']}  {value['home']}", f"cases      {states}"]
    if model is None:
        lines.append("model      none: every case goes to people. Train one with `handrail train`.")
    else:
        figures = model["metrics"]
        lines.append(
            f"model      version {model['version']}, {model['labels']} labels, accuracy {figures['accuracy']:.3f}, "
            f"ECE {figures['ece']:.3f}" + (f"; challenger {value['challenger']}" if value["challenger"] else "")
        )
    if value["unavailable"]:
        broken = value["unavailable"]
        lines.append(
            f"BROKEN     the model cannot be used ({broken['cause']}) since {broken['since'][:16]}: every case goes to "
            "people. `handrail doctor` says what to do."
        )
    lines.append(f"threshold  {in_short(value['certificates'], value['uncertified'])}")
    share = value["automation_share_7d"]
    lines.append(f"automated  {'no case in 7 days' if share is None else f'{share:.1%} of the last 7 days'}")
    audited = value["audited_28d"]
    lines.append(f"audits     {audited['rejected']} of {audited['audited']} rejected in 28 days")
    lines.append(f"escalated  {value['escalations']} open")
    lines += _holds(value)
    lines += _retraining(value["retraining"])
    stages: dict[str, list[str]] = {}
    for category, stage in value["stages"].items():
        stages.setdefault(stage, []).append(category)
    lines += [
        f"{'stages' if at == 0 else '':10} {stage}: {' · '.join(names)}"
        for at, (stage, names) in enumerate(stages.items())
    ]
    lines = [textwrap.fill(line, WIDTH, subsequent_indent=" " * 13, break_long_words=False) for line in lines]
    columns = ["queue", "kind", "waiting", "overdue", "next_due"]
    return "\n".join(lines) + "\n\n" + table(value["waiting"], columns, empty="Nothing waits for people.")


def _retraining(value: dict[str, Any]) -> list[str]:
    """What calls for a training, and each trigger's figure beside the policy's bound."""
    if value["held_until"]:
        head = f"the last attempt failed: the next waits for labels or {value['held_until']:%Y-%m-%d %H:%M} UTC"
    else:
        head = f"called for by {value['called_for_by']}" if value["called_for_by"] else "not called for"
    triggers = [f"{cause.replace('_', ' ')}: {sentence}" for cause, sentence in value["triggers"].items()]
    return [f"training   {head}", *(f"{'':10} {trigger}" for trigger in triggers)]


def _holds(value: dict[str, Any]) -> list[str]:
    lines = [
        f"PAUSED     {row['category'] or 'everything'} since {row['since']:%Y-%m-%d %H:%M}: {row['reason']}"
        for row in value["pauses"]
    ]
    if value["held"]:
        lines.append(f"HELD       auto-approval: {value['held']['watch']} silent; run the watch or `handrail up`")
    if value["paused_deployments"]:
        lines.append(f"prefect    paused deployments: {', '.join(value['paused_deployments'])}")
    lines += [
        f"drift      {row['found_at']:%Y-%m-%d}: {', '.join(row['columns']) or 'new terms'}" for row in value["drifts"]
    ]
    return lines
