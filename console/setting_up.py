"""Workspace, server, health: init, doctor, status, up, desk, demo, policy."""

from pathlib import Path
from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, warn, who


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    for command in (init, doctor, status, up, desk, demo):
        app.command()(command)
    policy = typer.Typer(help="The rules in force.", no_args_is_help=True)
    policy.command("check")(policy_check)
    policy.command("publish")(policy_publish)
    app.add_typer(policy, name="policy")


def init(
    business: Annotated[str | None, typer.Option(help="A policy of the folder policy/: sample, complaints.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Your own policy.yaml.")] = None,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="For practice and imported pasts: only here may --as-of set the clock.")
    ] = False,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Make the workspace: folder, key, database, first person, policy. Run again, it only upgrades the tables.

    It is live, or with --rehearsal a rehearsal, for good.
    """
    from handrail import policy as policies
    from handrail.acts import keying, publishing
    from handrail.errors import BadInput, Conflict
    from handrail.founding import REHEARSAL_TOLD, Kind
    from handrail.store import founding
    from handrail.store import policies as published
    from handrail.store.engine import Store
    from handrail.workspace import Workspace

    if business and policy:
        raise BadInput("Give either --business or --policy, not both.")
    file = policy or policies.BUSINESSES / (business or "sample") / "policy.yaml"
    if business and not file.exists():
        known = ", ".join(sorted(folder.name for folder in policies.BUSINESSES.iterdir() if folder.is_dir()))
        raise BadInput(f"There is no business {business!r} in policy/. Use one of: {known}, or --policy FILE.")
    rules = policies.read(file)
    workspace = Workspace.from_environment()
    store = Store(workspace.database_url)
    if not workspace.secret_file.is_file():
        workspace.require_kept(begun=store.revision() is not None)
    workspace.create()
    revision = store.revision()
    store.upgrade()
    made = publishing.Made("file", policy.name) if policy else publishing.Made("business", business or "sample")
    asked = Kind.REHEARSAL if rehearsal else Kind.LIVE
    begun = publishing.found(store, rules, founder=who(actor), now=store.clock(), made=made, workspace=asked)
    keying.bind(store, workspace.secret(), actor=who(actor), now=store.clock())
    with store.read() as connection:
        kind, in_force = founding.read(connection).kind, published.in_force(connection)
    if rehearsal and kind is Kind.LIVE:
        raise Conflict(
            f"The workspace {workspace.home} exists already and is live, for good. Make the rehearsal in another "
            "folder (HANDRAIL_HOME)."
        )
    rules = in_force.policy if in_force else rules
    upgraded = not begun and store.revision() != revision
    from models import tracking

    before = tracking.follow(workspace)
    moved = f" It was at {before} before; its models are looked for here from now on." if before else ""
    value = {
        "home": str(workspace.home),
        "business": rules.business,
        "policy": rules.version,
        "begun": begun,
        "upgraded": upgraded,
        "workspace": str(kind),
        "moved_from": before,
    }
    if not begun and (business or policy):
        warn("The workspace exists already and keeps its policy. Change it with `handrail policy publish FILE`.")
    lead = f"{'Began' if begun else 'Upgraded'} the workspace {workspace.home}"
    if not begun and not upgraded:
        lead = f"The workspace {workspace.home} exists"
    text = f"{lead} (policy {rules.version}).{moved}"
    answer(value, as_json=as_json, text=f"{text}\n{REHEARSAL_TOLD}" if kind is Kind.REHEARSAL else text)


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
    answer(found.to_json(), as_json=as_json, text=lambda: shown(found))


def up(
    port: Annotated[int, typer.Option(help="Port of the Prefect server and its UI.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
    desk_port: Annotated[int, typer.Option(help="Port of the review desk.")] = 8470,
) -> None:
    """Start the review desk, the Prefect server, all deployments and the MLflow UI; Ctrl-C stops everything."""
    from console.serving import serve

    serve(port=port, mlflow_port=mlflow_port, desk_port=desk_port)


def desk(
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's need --behind-tls.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8470,
    home: Annotated[Path | None, typer.Option(help="Workspace folder; default HANDRAIL_HOME.")] = None,
    behind_tls: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where a reverse proxy serves it, such as https://desk.example.com."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="Let the desk's clock start at this moment (ISO 8601)."),
    ] = None,
) -> None:
    """Start the review desk alone; Ctrl-C stops it. The first start prints the administrator's link."""
    from console.desk import run

    run(host=host, port=port, home=home, behind_tls=behind_tls, as_of=as_of)


def demo(
    weeks: Annotated[int, typer.Option(min=1, max=52, help="Weeks of the sample business.")] = 24,
    seed: Annotated[int, typer.Option(help="Seed of the sample business.")] = 7,
    home: Annotated[Path | None, typer.Option(help="Workspace folder; default .handrail-demo.")] = None,
    per_week: Annotated[int, typer.Option(min=200, help="Cases a week.")] = 1600,
    as_json: AsJson = False,
) -> None:
    """Rehearse the sample business: weeks of it through all the flows, with simulated reviewers, ending in a report."""
    from console.demo import run_demo

    run_demo(weeks=weeks, seed=seed, home=home or Path(".handrail-demo"), per_week=per_week, as_json=as_json)


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
    """Put a policy into force, from the next batch on; what is under way of a renamed category goes along."""
    from handrail import policy as policies
    from handrail.acts import publishing

    rules = policies.read(file)
    occasion = enter(actor)
    made = publishing.Made("file", file.name)
    changed = publishing.publish(occasion.store, rules, actor=occasion.actor, now=occasion.now, made=made)
    text = f"Policy {rules.version} is in force." if changed else f"Policy {rules.version} was in force already."
    if changed and (gone := [old for old in rules.moves if old in occasion.policy.categories]):
        text += f" What was under way of {', '.join(gone)} went along: `handrail trail search --kind category.moved`."
    answer({"version": rules.version, "changed": changed}, as_json=as_json, text=text)
