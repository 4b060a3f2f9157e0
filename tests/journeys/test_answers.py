"""Every command answers programs with exactly one JSON document."""

import json
from pathlib import Path

from typer.main import get_command

from tests.journeys.conftest import REVIEWERS
from tests.workspaces import MAPPING, NINE, ROOT, Handrail

POLICY = ROOT / "policy" / "sample" / "policy.yaml"
ENDLESS = {("up",), ("desk",), ("demo",), ("rehearse",)}
"""They end when they are stopped, or take minutes."""

REFUSED = {
    ("review", "close"),
    ("labels", "adjudicate"),
    ("labels", "ask-again"),
    ("labels", "reinstate"),
    ("proposals", "confirm"),
    ("proposals", "refuse"),
    ("quarantine", "release"),
    ("quarantine", "reject"),
    ("outbox", "retry"),
    ("outbox", "abandon"),
    ("outbox", "confirm"),
    ("alerts", "acknowledge"),
    ("alerts", "test"),
}
"""No breaker has tripped on that morning, nobody without a training has labelled a case, no label was there to
withdraw, the only proposal is withdrawn, every action has reached its receiver, no delivery was stopped, nothing was
swept, and no channel is configured."""

Words = tuple[object, ...]


def commands() -> set[tuple[str, ...]]:
    """Every command by name."""
    from console.main import app

    found: set[tuple[str, ...]] = set()
    for name, command in get_command(app).commands.items():
        found |= {(name, below) for below in getattr(command, "commands", {})} or {(name,)}
    return found | {("purge",)}  # without a word after it, it purges


def session(handrail: Handrail, day_file: Path, folder: Path) -> list[tuple[tuple[str, ...], Words]]:
    """Every command with words with which it succeeds after those before it."""
    text = folder / "texts.csv"
    text.write_text("text,label,confidence,correct,external_id,kind,at\nhello,complaint,0.9,1,x,closed,2026-01-12\n")
    gold, decided = folder / "gold.csv", handrail.waiting()[0]
    gold.write_text("text,label\n" + "".join(f"parcel number {n} is late,delivery_status\n" for n in range(25)))
    automatic = handrail.rows("SELECT min(case_id) FROM decisions WHERE kind = 'automatic'")[0][0]
    ratings = folder / "ratings.csv"
    ratings.write_text("item,reviewer,label\n1,ada,a\n1,ben,a\n2,ada,b\n2,ben,a\n")
    rated = folder / "rated.csv"
    rated.write_text(ratings.read_text().replace("reviewer", "rater"))
    audited = folder / "audited.csv"
    audited.write_text("at,rejected\n2026-01-12T09:00:00+00:00,0\n2026-01-12T10:30:00+00:00,1\n")
    why = ("--reason", "why not", "--as-of", NINE)
    allowing = folder / "allowing.yaml"  # nothing has judged the version that is promoted here
    allowing.write_text(POLICY.read_text().replace("without_evidence: refuse", "without_evidence: allow"))
    return [
        (("init",), ()),
        (("doctor",), ()),
        (("run",), (day_file, "--mapping", MAPPING, "--as-of", NINE)),
        (("status",), ()),
        (("queue", "list"), ()),
        (("queue", "next"), ("--as-of", NINE)),
        (("queue", "recall"), ("--as-of", NINE)),
        (("decide",), (decided, "approve", "--as-of", NINE)),
        (("dispute", "open"), (automatic, "--text", "I want my money", "--as-of", NINE)),
        (("dispute", "list"), ()),
        (("dispute", "show"), (1,)),
        (("dispute", "resolve"), (1, "approve", "--answer", "It stands.", "--as-of", NINE)),
        (("quarantine", "list"), ()),
        (("quarantine", "stopped"), ()),
        (("quarantine", "release"), (1, *why)),
        (("quarantine", "reject"), (1, *why)),
        (("train",), ("--as-of", NINE)),
        (("model", "list"), ()),
        (("model", "show"), ()),
        (("model", "shadow"), ("--as-of", NINE)),
        (("model", "rebuild"), ("1",)),
        (("policy", "publish"), (allowing,)),
        (("model", "promote"), ("2", *why)),
        (("model", "rollback"), why),
        (("predict",), (text, "--text", "text")),
        (("pause",), ("complaint", *why)),
        (("resume",), ("complaint", *why)),
        (("proposals", "list"), ("--as-of", NINE)),
        (("proposals", "withdraw"), (1, "--as-of", NINE)),
        (("proposals", "confirm"), (1, "--as-of", NINE)),
        (("proposals", "refuse"), (1, *why)),
        (("alerts", "list"), ()),
        (("alerts", "channels"), ()),
        (("alerts", "acknowledge"), (1,)),
        (("alerts", "test"), ("ops",)),
        (("outbox", "list"), ()),
        (("outbox", "retry"), (1, *why)),
        (("outbox", "abandon"), (1, *why)),
        (("outbox", "confirm"), (1, *why)),
        (("stage",), ("complaint", "suggest", *why)),
        (("review", "list"), ()),
        (("review", "close"), (1, "--conclusion", "fine")),
        (("people", "add"), ("zoe", "--role", "reviewer")),
        (("people", "list"), ()),
        (("people", "quality"), ()),
        (("people", "invite"), ("zoe",)),
        (("gold", "import"), (gold, "--text", "text", "--label", "label")),
        (("gold", "write"), ("--text", "I want my money back", "--label", "refund_request")),
        (("gold", "attest"), (decided, "complaint")),
        (("gold", "list"), ()),
        (("gold", "retire"), (decided, "--reason", "seen too often")),
        (("people", "test"), ("zoe",)),
        (("people", "cancel-test"), ("zoe", *why)),
        (("tokens", "create"), ("shop", "--scope", "intake")),
        (("tokens", "list"), ()),
        (("tokens", "revoke"), (1,)),
        (("labels", "list"), ()),
        (("labels", "adjudicate"), (decided, "complaint")),
        (("labels", "withdraw"), ("--reviewer", REVIEWERS[0], "--since", "2020-01-01", "--yes", *why)),
        (("labels", "withdrawals"), ()),
        (("labels", "ask-again"), (1, "--as-of", NINE)),
        (("labels", "reinstate"), (1, *why)),
        (("consensus",), (ratings,)),
        (("agreement",), (rated,)),
        (("policy", "check"), (POLICY,)),
        (("policy", "publish"), (POLICY,)),
        (("outcome", "import"), (text,)),
        (("report", "kpi"), ("--by", "category", "--weeks", 4, "--out", folder / "kpi.html")),
        (("report", "business-case"), ("--out", folder / "case.html")),
        (("report", "estimate"), (audited, "--time", "at")),
        (("report", "fairness"), ()),
        (("report", "drift"), ()),
        (("watch",), ("--as-of", NINE)),
        (("trail", "search"), ()),
        (("trail", "verify"), ()),
        (("audit", "repeat"), ("--since", "2020-01-01")),
        (("audit", "differences"), ("--as-of", NINE)),
        (("trail", "export"), (folder / "trail.jsonl",)),
        (("purge",), ()),
        (("purge", "hold"), (decided, *why)),
        (("purge", "held"), ("--as-of", NINE)),
        (("purge", "release"), (decided, *why)),
        (("redact",), (text, "--text", "text", "--out", folder / "redacted.csv")),
        (("certify",), (text,)),
        (("breaker",), (audited, "--p0", 0.03, "--limit", 0.05, "--budget", 0.05, "--horizon", "30d")),
        (("drift",), (text, text, "--text", "text")),
        (("fairness",), (text, "--group", "label", "--outcome", "correct")),
    ]


def test_every_command_answers_with_exactly_one_json_document(day: Handrail, day_file: Path, tmp_path: Path) -> None:
    told = session(day, day_file, tmp_path)
    assert {command for command, _ in told} == commands() - ENDLESS
    for command, words in told:
        answer = day(*command, *words, "--json")
        if command in REFUSED:
            assert answer.refusal
            continue
        assert answer.code == 0, (command, answer.err)
        assert answer.err == "", command
        assert len(answer.out.splitlines()) == 1, command
        json.loads(answer.out)


def test_every_command_answers_people_in_lines(day: Handrail, day_file: Path, tmp_path: Path) -> None:
    for command, words in session(day, day_file, tmp_path):
        answer = day(*command, *words)
        assert answer.code == (1 if command in REFUSED else 0), (command, answer.err)
        assert answer.out or command in REFUSED, command
        assert not answer.out.startswith(("{", "[")), command
