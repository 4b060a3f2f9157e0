"""`handrail status`: what an operator wants to know first."""

import textwrap
from typing import Any

import tasks.views.overview
from console.answer import deployments_on, running_server, switched_off, table, told, warn
from console.certificates import in_short
from handrail.errors import HandrailError
from handrail.proportions import in_percent
from handrail.watches import BY_NAME, START
from tasks.occasion import Occasion

WIDTH = 80
FEW = 3
"""Watches that are named one by one where nobody looks at all."""


def overview(occasion: Occasion) -> dict[str, Any]:
    """The workspace at the occasion's moment, with the server that serves it and what is paused there."""
    server = running_server(occasion.workspace.server_file)
    deployments: list[dict[str, Any]] | None = []
    try:
        deployments = deployments_on(server) if server else []
    except HandrailError as refusal:
        warn(str(refusal))
        deployments = None  # not *none*: it could not be asked
    off = switched_off(deployments) if server and deployments is not None else {}
    return {
        **tasks.views.overview.overview(occasion),
        "prefect": server,
        "prefect_answers": deployments is not None,
        "paused_deployments": [str(row["name"]) for row in deployments or () if row["paused"]],
        "switched_off": {name: str(why) for name, why in off.items() if why is not None},
    }


def shown(value: dict[str, Any]) -> str:
    """The overview as lines of at most eighty characters, where names allow."""
    model = value["model"]
    states = "  ".join(f"{state} {count}" for state, count in value["cases"].items()) or "no case yet"
    lines = [f"{value['business']}  policy {value['policy']}  {value['home']}"]
    if value["policy_source"]:
        lines.append(f"policy     {_made(value['policy_source'])}")
    lines.append(f"cases      {states}")
    if model is None and value["challenger"]:
        waiting = value["challenger"]
        lines.append(
            f"model      none serves: every case goes to people. Version {waiting} waits: `handrail model show "
            f"{waiting}` has its figures."
        )
    elif model is None:
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
    lines += [f"automated  {_automated(value)}", f"audits     {_audited(value['audited_28d'])}"]
    lines.append(f"escalated  {value['escalations']} open")
    lines += _watched(value)
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
    nothing = "Nothing waits for people."
    if value["has_arrived"]:
        nothing += "\nCases have arrived that are not in a queue yet: `handrail watch` brings them there."
    columns = ["queue", "kind", "waiting", "overdue", "next_due"]
    return "\n".join(lines) + "\n\n" + table(value["waiting"], columns, empty=nothing)


def _watched(value: dict[str, Any]) -> list[str]:
    """How much is watched; then each watch that is not well, with what to do."""
    unwell = [row for row in value["watches"] if not row["well"]]
    head = "all of it" if not unwell else f"{len(value['watches']) - len(unwell)} of {len(value['watches'])} watches"
    last = "nobody has looked yet" if value["looked_at"] is None else f"last look {told(value['looked_at'])}"
    if value["watched"] in ("never", "nobody"):
        lines = [f"WATCHED    {last}: silence means nothing"]
    else:
        lines = [f"watched    {head}, {last}"]
    shown = unwell if len(unwell) <= FEW or value["watched"] == "in_part" else []
    lines += [f"{'':10} {row['title']}: {row['said']}" for row in shown]
    return [*lines, f"{'':10} {START}"] if unwell else lines


def _automated(value: dict[str, Any]) -> str:
    share, routed = value["automation_share_7d"], value["routed_7d"]
    if share is None:
        return "no case was routed in 7 days"
    return f"{in_percent(share)} of the last 7 days ({routed['automatic']:,} of {routed['cases']:,} routed cases)"


def _audited(found: dict[str, Any]) -> str:
    """The counts and the rate of the same audits: every one so far of what was approved in the four weeks."""
    if not found["approvals"]:
        return "nothing was approved automatically in 28 days"
    if not found["audited"]:
        return f"none of {found['approvals']:,} auto-approvals of 28 days: nobody knows how many are wrong"
    between = f"{in_percent(found['low'])} to {in_percent(found['high'])}"
    return (
        f"{found['rejected']:,} of {found['audited']:,} audited approvals of 28 days were wrong; weighted for how they "
        f"were drawn: {in_percent(found['rate'])} ({between}) of {found['approvals']:,}"
    )


def _made(source: dict[str, Any]) -> str:
    """From what the policy in force was made, when, and who put it there."""
    name = source["name"]
    made = {
        "labels": f"made from the labels of {name or 'a file'}",
        "business": f"the business {name or 'of Handrail'} as it came",
        "file": f"from {name or 'a file'}",
    }.get(source["from"], "in force")
    return f"{made}, {source['at']:%Y-%m-%d %H:%M} UTC by {source['by']}"


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
    off = [f"{BY_NAME[name].deployment} ({why})" for name, why in value["switched_off"].items() if why != "paused"]
    if off:
        lines.append(f"prefect    does not start: {', '.join(off)}")
    if not value["prefect_answers"]:
        lines.append("prefect    the server does not say what is paused or switched off")
    lines += [
        f"drift      {row['found_at']:%Y-%m-%d}: {', '.join(row['columns']) or 'new terms'}" for row in value["drifts"]
    ]
    return lines
