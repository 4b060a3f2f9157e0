"""Every command answers programs with one JSON document, and each with a sentence when it refuses."""

import json
from pathlib import Path

from typer.main import get_command

from handrail.sample import SampleBusiness
from tests.workspaces import MAPPING, ROOT, Handrail, deliver

NINE = "2026-01-12T09:00:00+00:00"


def commands() -> list[tuple[str, ...]]:
    """Every command that ends by itself within a moment."""
    from console.main import app

    topics = [((name,), command) for name, command in get_command(app).commands.items()]
    found = [
        (*path, *below)
        for path, command in topics
        for below in ([(name,) for name in command.commands] if hasattr(command, "commands") else [()])
    ]
    return sorted(set(found) - {("up",), ("demo",)})


def words_for(command: tuple[str, ...], handrail: Handrail, folder: Path) -> list[object]:
    """Words with which a command succeeds on that morning."""
    text = folder / "texts.csv"
    text.write_text("text,label,confidence,correct,external_id,kind,at\nhello,complaint,0.9,1,x,closed,2026-01-12\n")
    sample = ROOT / "policy" / "sample" / "policy.yaml"
    why = ["--reason", "why not", "--as-of", NINE]
    words: dict[tuple[str, ...], list[object]] = {
        ("certify",): [text],
        ("decide",): [waiting(handrail)[0], "approve", "--as-of", NINE],
        ("init",): [],
        ("model", "promote"): ["2", *why],
        ("model", "rollback"): why,
        ("outcome", "import"): [text],
        ("pause",): ["complaint", *why],
        ("people", "add"): ["zoe", "--role", "reviewer"],
        ("policy", "check"): [sample],
        ("policy", "publish"): [sample],
        ("predict",): [text, "--text", "text"],
        ("redact",): [text, "--text", "text", "--out", folder / "redacted.csv"],
        ("resume",): ["complaint", *why],
        ("review", "close"): [1, "--conclusion", "fine"],
        ("run",): [folder / "day.csv", "--mapping", MAPPING, "--as-of", NINE],
        ("stage",): ["complaint", "suggest", *why],
        ("trail", "export"): [folder / "trail.jsonl"],
        ("train",): ["--as-of", NINE],
    }
    return words.get(command, [])


def test_every_command_answers_with_exactly_one_json_document(
    day: Handrail, business: SampleBusiness, tmp_path: Path
) -> None:
    today(business, tmp_path / "day.csv")
    for command in commands():
        answer = day(*command, *words_for(command, day, tmp_path), "--json")
        if command == ("review", "close"):  # no breaker has tripped on this morning
            assert (answer.code, answer.out) == (1, "")
            continue
        assert answer.code == 0, (command, answer.err)
        assert answer.err == "", command
        assert len(answer.out.splitlines()) == 1, command
        json.loads(answer.out)
