"""The registry: model list, show, promote, rollback."""

from typing import Annotated

import typer

from console.answer import Actor, AsJson, AsOf, Reason, answer, enter, table


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    model = typer.Typer(help="Model versions and which one serves.", no_args_is_help=True)
    model.command("list")(model_list)
    model.command("show")(model_show)
    model.command("promote")(model_promote)
    model.command("rollback")(model_rollback)
    app.add_typer(model, name="model")


def model_list(as_json: AsJson = False) -> None:
    """All versions with status and figures."""
    from handrail.store import models
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        rows = records(models.versions(connection))
    shown = [{**row, "accuracy": row["metrics"].get("accuracy"), "ece": row["metrics"].get("ece")} for row in rows]
    columns = ["version", "status", "cause", "labels", "accuracy", "ece", "registered_at"]
    answer(
        rows,
        as_json=as_json,
        text=table(shown, columns, empty="No model yet. Train one with `handrail train`."),
    )


def model_show(
    version: Annotated[str | None, typer.Argument(help="Version; default the champion.")] = None,
    as_json: AsJson = False,
) -> None:
    """One version: digests, figures and certificates."""
    from handrail.errors import NotFound
    from handrail.store import models
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        name = version or models.serving(connection)["model_version"]
        row = models.version(connection, name) if name else None
        if row is None:
            raise NotFound(f"Model version {version or '(champion)'} does not exist. See `handrail model list`.")
        certificates = records(models.certificates(connection, name, occasion.now))
    value = {**row, "certificates": certificates}

    def text() -> str:
        lines = [f"{key:18} {item}" for key, item in row.items() if key != "metrics"]
        lines += [f"{key:18} {item}" for key, item in row["metrics"].items()]
        missing = "not certified: blind simple-random labels are needed"
        held = table(certificates, ["category", "threshold", "labels", "errors", "expires_at"], empty=missing)
        return "\n".join(lines) + f"\ncertificates\n{held}"

    answer(value, as_json=as_json, text=text)


def model_promote(
    version: Annotated[str, typer.Argument(help="Version.")], reason: Reason, actor: Actor = None,
    as_of: AsOf = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let a version serve from the next batch on."""
    from models import registry

    occasion = enter(actor, as_of)
    registry.promote(
        occasion.store, occasion.workspace, occasion.model_name, version,
        actor=occasion.actor, reason=reason, now=occasion.now,
    )  # fmt: skip
    answer({"serves": version}, as_json=as_json, text=f"Version {version} serves.")


def model_rollback(reason: Reason, actor: Actor = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Return to the previous version from the next batch on; the present one never comes back by itself."""
    from models import registry

    occasion = enter(actor, as_of)
    version = registry.rollback(
        occasion.store, occasion.workspace, occasion.model_name,
        actor=occasion.actor, reason=reason, now=occasion.now,
    )  # fmt: skip
    answer({"serves": version}, as_json=as_json, text=f"Version {version} serves again.")
