"""`handrail`: every command, each in the file of its topic."""

import logging
import sys

import typer

from console import (
    agreement,
    alerts,
    audits,
    breaker,
    deciding,
    disputes,
    drift,
    fairness,
    files,
    holding,
    labels,
    models,
    outbox,
    people,
    proposals,
    purging,
    quarantine,
    rehearse,
    reports,
    running,
    setting_up,
    tokens,
    trails,
    watching,
)
from handrail.errors import HandrailError

app = typer.Typer(
    name="handrail",
    help="A model proposes, people decide where it matters; every automated decision can be explained, audited, "
    "paused and undone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for topic in (
    setting_up,
    people,
    running,
    watching,
    deciding,
    disputes,
    labels,
    holding,
    proposals,
    quarantine,
    outbox,
    models,
    purging,
    trails,
    audits,
    rehearse,
    reports,
    alerts,
    agreement,
    breaker,
    drift,
    fairness,
    files,
    tokens,
):
    topic.register(app)


def main() -> None:
    """Run a command: exit 0 on success, 1 on a refusal with its sentence on stderr, 2 on wrong usage."""
    # What people must know is in the answer; Prefect's own handler would print the log between its lines.
    logging.getLogger("handrail").setLevel(logging.CRITICAL)
    try:
        app()
    except HandrailError as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Run the same command again to complete what it began.\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
