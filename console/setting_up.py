"""Workspace, server, health: init, doctor, status, up, demo, people, policy."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, table, warn, who
from console.labels import people_test

BUSINESSES = Path(__file__).resolve().parent.parent / "policy"


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    for command in (init, doctor, status, up, demo):
        app.command()(command)
    people = typer.Typer(help="Who works here.", no_args_is_help=True)
    people.command("list")(people_list)
    people.command("add")(people_add)
    people.command("test")(people_test)
    app.add_typer(people, name="people")
    policy = typer.Typer(help="The rules in force.", no_args_is_help=True)
    policy.command("check")(policy_check)
    policy.command("publish")(policy_publish)
    app.add_typer(policy, name="policy")


def init(
    business: Annotated[str | None, typer.Option(help="A policy of the folder policy/: sample, complaints.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Your own policy.yaml.")] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Make the workspace: folder, key, database, first person, policy. Run again, it only upgrades the tables."""
    from datetime import UTC, datetime

    from handrail import policy as policies
    from handrail.acts import administering
    from handrail.errors import BadInput
    from handrail.store.engine import Store
    from handrail.workspace import Workspace

    if business and policy:
        raise BadInput("Give either --business or --policy, not both.")
    file = policy or BUSINESSES / (business or "sample") / "policy.yaml"
    if business and not file.exists():
        known = ", ".join(sorted(folder.name for folder in BUSINESSES.iterdir() if folder.is_dir()))
        raise BadInput(f"There is no business {business!r} in policy/. Use one of: {known}, or --policy FILE.")
    rules = policies.read(file)
    workspace = Workspace.from_environment()
    workspace.create()
    store = Store(workspace.database_url)
    store.upgrade()
    begun = administering.found(store, rules, founder=who(actor), now=datetime.now(UTC))
    value = {"home": str(workspace.home), "business": rules.business, "policy": rules.version, "begun": begun}
    if not begun and (business or policy):
        warn("The workspace exists already and keeps its policy. Change it with `handrail policy publish FILE`.")
    lead = "Began" if begun else "Upgraded"
    answer(value, as_json=as_json, text=f"{lead} the workspace {workspace.home} (policy {rules.version}).")


def doctor(as_json: AsJson = False) -> None:
    """Say what is missing or broken, with the remedy; exit 1 when something is."""
    from console.health import findings

    found = findings()
    answer(
        [finding.__dict__ for finding in found],
        as_json=as_json,
        text=lambda: "\n".join(f"{'ok ' if f.ok else 'BAD'}  {f.what}: {f.sentence}" for f in found),
    )
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def status(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Queues, SLA, pauses, model and drift at a glance."""
    from console.overview import overview, shown

    found = overview(enter(None, as_of))
    answer(found, as_json=as_json, text=lambda: shown(found))


def up(
    port: Annotated[int, typer.Option(help="Port of the Prefect server and its UI.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
) -> None:
    """Start the Prefect server, all deployments and the MLflow UI; Ctrl-C stops everything."""
    from console.serving import serve

    serve(port=port, mlflow_port=mlflow_port)


def demo(
    weeks: Annotated[int, typer.Option(min=1, max=52, help="Weeks of the sample business.")] = 24,
    seed: Annotated[int, typer.Option(help="Seed of the sample business.")] = 7,
    home: Annotated[Path | None, typer.Option(help="Workspace folder; default .handrail-demo.")] = None,
    per_week: Annotated[int, typer.Option(min=200, help="Cases a week.")] = 1600,
    as_json: AsJson = False,
) -> None:
    """The time-lapse: the sample business through all the flows, with simulated reviewers, ending in a report."""
    from console.lapse import run_demo

    run_demo(weeks=weeks, seed=seed, home=home or Path(".handrail-demo"), per_week=per_week, as_json=as_json)


def people_list(as_json: AsJson = False) -> None:
    """Everybody with roles, training and the last test on gold cases."""
    from handrail.store import labels, rollout
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        tests = labels.last_tests(connection)
        rows = [{**row, "test": tests.get(row["name"])} for row in records(rollout.people(connection))]
    shown = [{**row, "roles": ", ".join(row["roles"]), "last_test": _last_test(row["test"])} for row in rows]
    columns = ["name", "trained_until", "last_test", "roles"]
    answer(rows, as_json=as_json, text=table(shown, columns, empty="Nobody yet."))


def _last_test(test: dict[str, Any] | None) -> str | None:
    if test is None:
        return None
    if test["closed_at"] is None:
        return f"{test['cases']} cases, not finished"
    return f"{test['right']} of {test['cases']} right, {'passed' if test['passed'] else 'failed'}"


def people_add(
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    role: Annotated[list[str], typer.Option(help="Such as reviewer or data_curator; may be given more than once.")],
    trained: Annotated[
        bool | None,
        typer.Option("--trained/--not-trained", help="Do their labels count from now on? Left out: as before."),
    ] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Add a person, or change their roles and training."""
    from handrail.acts import administering
    from handrail.store import rollout

    occasion = enter(actor, as_of)
    until = occasion.now + occasion.policy.labels.training_valid_for if trained else None
    if trained is None:
        with occasion.store.read() as connection:
            until = (rollout.person(connection, name) or {}).get("trained_until")
    administering.add_person(
        occasion.store, name, roles=role, trained_until=until, actor=occasion.actor, now=occasion.now
    )
    answer({"name": name, "roles": role, "trained_until": until}, as_json=as_json, text=f"{name} is known now.")


def policy_check(file: Annotated[Path, typer.Argument(help="policy.yaml")], as_json: AsJson = False) -> None:
    """Read a policy file and say what is wrong, with the line."""
    from handrail import policy as policies

    rules = policies.read(file)
    value = {"valid": True, "version": rules.version, "categories": list(rules.categories)}
    answer(
        value,
        as_json=as_json,
        text=f"{file} is valid: version {rules.version}, {len(rules.categories)} categories.",
    )


def policy_publish(
    file: Annotated[Path, typer.Argument(help="policy.yaml")], actor: Actor = None, as_json: AsJson = False
) -> None:
    """Put a policy into force, from the next batch on."""
    from handrail import policy as policies
    from handrail.acts import administering

    rules = policies.read(file)
    occasion = enter(actor)
    changed = administering.publish(occasion.store, rules, actor=occasion.actor, now=occasion.now)
    text = f"Policy {rules.version} is in force." if changed else f"Policy {rules.version} was in force already."
    answer({"version": rules.version, "changed": changed}, as_json=as_json, text=text)
