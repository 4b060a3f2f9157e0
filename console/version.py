"""One model version for people to read: lines of at most eighty characters."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from handrail.store import trail
from handrail.store.engine import Connection
from handrail.store.trail import Sought, Written

if TYPE_CHECKING:
    from handrail.store.models import ModelVersion
    from tasks.learning.shadow import Comparison

WIDTH, INDENT = 80, 15
_KINDS = (
    "model.registered",
    "model.judged",
    "model.promoted",
    "model.refused",
    "model.rolled_back",
    "model.unavailable",
    "model.available",
    "model.refetched",
    "model.deleted_in_registry",
    "gate.failed",
)
EVIDENCE = {
    "first": "it is the first, and better than always saying the commonest category",
    "judged": "it has passed its gates",
    "none": "WITHOUT EVIDENCE: neither a test nor a withheld label speaks for it",
}
"""What a promotion rests on, in words."""


def history(connection: Connection, version: str) -> list[Written]:
    """The events of the trail that are about a version, oldest first."""
    found = [
        event
        for kind in _KINDS
        for event in trail.newest(connection, Sought(kind=kind), limit=10_000)
        if version in {event.body.get(name) for name in ("version", "barred", "left", "previous")}
    ]
    return sorted(found, key=lambda event: event.seq)


def promotions(connection: Connection) -> dict[str, str]:
    """What each promoted version's promotion rested on: first, judged or none."""
    events = trail.search(connection, kind="model.promoted", limit=10_000)
    return {str(event["version"]): str(event["evidence"]) for event in events if "evidence" in event}


def side_by_side(found: "Comparison") -> str:
    """Champion and challenger on the same cases, in lines of at most eighty characters."""
    if found.agreement is None:
        return f"Challenger {found.challenger} has scored no live case of champion {found.champion} yet."
    head = ("", f"champion {found.champion}", f"challenger {found.challenger}")
    rows = [
        ("above the fixed threshold", found.champion_automated, found.challenger_automated),
        (f"right, of {found.decided} decided", found.champion_right, found.challenger_right),
    ]
    lines = [f"{found.cases} live cases, the same label on {found.agreement:.1%}"]
    lines += [f"{name:32}{old!s:>16}{new!s:>16}" for name, old, new in (head, *rows)]
    if found.disagreements:
        lines.append("they differ on")
    lines += [f"  {count:5}  {old} → {new}" for old, new, count in found.disagreements[:10]]
    return "\n".join(lines)


def page(version: "ModelVersion", evidence: str | None, events: Sequence[Written]) -> str:
    """The version as sections: what it is, figures, how to rebuild it, what judged it, what happened to it."""
    sections = [_about(version, evidence), _figures(version.metrics), _recipe(version), _judgement(version)]
    sections.append(["history", *(_event(event, version.version) for event in events)])
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _about(version: "ModelVersion", evidence: str | None) -> list[str]:
    status = version.status.replace("_", " ")
    data = (version.rebuild or {}).get("data", {})
    lines = [
        _line("version", f"{version.version} ({version.kind}), {status}"),
        _line("labels", f"{version.labels}; cause {version.cause}; policy {version.policy_version}"),
        _line("registered", _moment(version.registered_at)),
    ]
    if evidence == "none":
        lines.insert(1, _line("EVIDENCE", "none: promoted on a person's word, no withheld label had judged it"))
    if data.get("from"):
        lines.append(_line("window", f"received {data['from'][:16]} to {data['to'][:16]} UTC"))
    parts = {name: data[name] for name in ("provenance", "categories") if data.get(name)}
    listed = {name: ", ".join(f"{key} {count}" for key, count in counts.items()) for name, counts in parts.items()}
    return [*lines, *(_line(name, text) for name, text in listed.items())]


def _figures(metrics: Mapping[str, float]) -> list[str]:
    shown = [f"{name} {value:.3f}".removesuffix(".000") for name, value in metrics.items()]
    return [_line("figures", ", ".join(shown))] if shown else []


def _recipe(version: "ModelVersion") -> list[str]:
    recipe = version.rebuild
    lines = ["to rebuild it", _line("  dataset", version.dataset_digest)]
    if recipe is None:
        return [*lines, "  the rest was not recorded: the version is older than its recipe"]
    packages = ", ".join(f"{name} {number}" for name, number in recipe["packages"].items())
    return [
        *lines,
        _line("  predictions", recipe["predictions_digest"]),
        _line("  files", version.artifact_digest),
        _line("  lock", recipe["lock_digest"] or "no requirements.lock lay beside the code"),
        _line(f"  {recipe['code_is']}", recipe["code"]),
        _line("  seed", f"{recipe['seed']}; policy {version.policy_version}"),
        _line("  fields", ", ".join(recipe["fields"]) or "none but the text"),
        _line("  Python", f"{recipe['python']} on {recipe['machine']}; {packages}"),
        _line("  MLflow run", version.run_id),
        _line("  command", f"handrail model rebuild {version.version}"),
    ]


def _judgement(version: "ModelVersion") -> list[str]:
    judgement = version.judgement
    if judgement is None:
        return [_line("judgement", "none yet")]
    said = judgement.get("outcome") or ("passed" if judgement.get("passed") else "refused")
    reasons = "; ".join(map(str, judgement.get("reasons", ())))
    return [
        _line("judgement", f"{said} on {judgement.get('cases', 0)} withheld cases{': ' if reasons else ''}{reasons}")
    ]


def _event(event: Written, version: str) -> str:
    because = f" ({event.because})" if event.because else ""
    return _line(f"  {event.at:%Y-%m-%d}", f"{_told(event, version)} by {event.body['actor']}{because}")


def _told(event: Written, version: str) -> str:
    data = event.body
    kind = str(data["kind"]).removeprefix("model.").replace("_", " ")
    if data["kind"] == "model.promoted":
        if data["version"] != version:
            return f"retired: version {data['version']} was promoted"
        return f"promoted, {EVIDENCE[data['evidence']]}" if "evidence" in data else "promoted"
    if data["kind"] == "model.rolled_back":
        if data["barred"] == version:
            return "rolled back: it serves again only after a new judgement"
        return "left in a rehearsal of a rollback" if data.get("left") == version else "serves again"
    if data["kind"] == "model.judged":
        return f"judged on {data['cases']} cases: {'passed' if data['passed'] else 'not passed'}"
    if data["kind"] == "gate.failed":
        return f"gate failed ({data['suite']})"
    return f"{kind}: {data['cause']}" if "cause" in data else kind


def _line(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name:{INDENT}}{text}", WIDTH, subsequent_indent=" " * INDENT, break_long_words=False, break_on_hyphens=False
    )


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"
