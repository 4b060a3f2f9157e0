"""Who works here: list, add, invite, test."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from console.answer import Actor, AsJson, AsOf, answer, enter, table
from console.labels import people_cancel_test, people_test
from console.withdrawing import people_quality

if TYPE_CHECKING:
    from handrail.gold import GoldTest


def register(app: typer.Typer) -> None:
    """Add this topic's commands."""
    people = typer.Typer(help="Who works here.", no_args_is_help=True)
    for name, command in (
        ("list", people_list),
        ("add", people_add),
        ("invite", people_invite),
        ("test", people_test),
        ("cancel-test", people_cancel_test),
        ("quality", people_quality),
    ):
        people.command(name)(command)
    app.add_typer(people, name="people")


def people_list(as_json: AsJson = False) -> None:
    """Everybody with roles, training and the last test on gold cases."""
    from handrail.store import labels, staff
    from handrail.store.frames import records

    occasion = enter(None)
    with occasion.store.read() as connection:
        tests = labels.last_tests(connection)
        people = records(staff.people(connection))
    rows = [{**row, "test": asdict(tests[row["name"]]) if row["name"] in tests else None} for row in people]
    shown = [{**row, "roles": ", ".join(row["roles"]), "last_test": _last_test(tests.get(row["name"]))} for row in rows]
    columns = ["name", "trained_until", "last_test", "roles"]
    answer(rows, as_json=as_json, text=table(shown, columns, empty="Nobody yet."))


def _last_test(test: "GoldTest | None") -> str | None:
    if test is None:
        return None
    if test.closed_at is None:
        return f"{test.cases} cases, not finished"
    if test.passed is None:
        return "cancelled"
    return f"{test.right} of {test.cases} right, {'passed' if test.passed else 'failed'}"


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
    from handrail.acts import employing
    from handrail.store import staff

    occasion = enter(actor, as_of)
    until = occasion.now + occasion.policy.labels.training_valid_for if trained else None
    if trained is None:
        with occasion.store.read() as connection:
            person = staff.person(connection, name)
            until = None if person is None else person.trained_until
    employing.add_person(occasion.store, name, roles=role, trained_until=until, actor=occasion.actor, now=occasion.now)
    answer({"name": name, "roles": role, "trained_until": until}, as_json=as_json, text=f"{name} is known now.")


def people_invite(
    name: Annotated[str, typer.Argument(help="Sign-in name of somebody who was added.")],
    address: Annotated[
        str | None, typer.Option(help="Where the desk is; default: where it runs on this machine.")
    ] = None,
    actor: Actor = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Print a link with which a person sets their password at the desk; it works once. Earlier ones no longer do."""
    from console import desk
    from handrail.acts import inviting

    occasion = enter(actor, as_of)
    secret = inviting.invite(occasion.store, name, actor=occasion.actor, now=occasion.now)
    running = desk.occupant(occasion.workspace)
    where = address or (running.address if running else desk.USUAL_ADDRESS)
    link = f"{where.rstrip('/')}{inviting.path_of(secret)}"
    until = occasion.now + inviting.LASTS
    text = f"{link}\nHand it to {name} alone: it sets their password, works once, and until {until:%Y-%m-%d %H:%M} UTC."
    if running is None and address is None:
        text += (
            "\nNo desk runs here at this moment: the link opens once `handrail desk` or `handrail up` serves at that"
            " address. For a desk elsewhere, repeat this with --address https://ITS-NAME."
        )
    known = {"name": name, "link": link, "until": until, "desk_runs": running is not None}
    answer(known, as_json=as_json, text=text)
