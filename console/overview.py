"""`handrail status`: what an operator wants to know first."""

import textwrap
from typing import Any

import tasks.overview
from console.answer import paused_deployments, running_server, table
from console.certificates import in_short
from tasks.occasion import Occasion

WIDTH = 80


def overview(occasion: Occasion) -> dict[str, Any]:
    """The workspace at the occasion's moment, with the server that serves it and what is paused there."""
    server = running_server(occasion.workspace.server_file)
    paused = paused_deployments(server) if server else []
    return {**tasks.overview.overview(occasion), "prefect": server, "paused_deployments": paused}


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
    lines += [f"ALTERED    {one['sentence']}" for one in value["altered"]]
    lines += [f"HELD       {one['sentence']} Run the watch, or start `handrail up`." for one in value["held"]]
    if value["unwatched"]:
        names = ", ".join(value["unwatched"])
        lines.append(f"HELD       {names}: the breaker could not be read; the quality watch's log says where")
    if value["paused_deployments"]:
        lines.append(f"prefect    paused deployments: {', '.join(value['paused_deployments'])}")
    lines += [
        f"drift      {row['found_at']:%Y-%m-%d}: {', '.join(row['columns']) or 'new terms'}" for row in value["drifts"]
    ]
    return lines
