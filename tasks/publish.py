"""What a steward sees of a run in the Prefect UI: tables, texts, links and events; ids and counts, never case text."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.events import emit_event

from tasks.step import recorded

log = logging.getLogger("handrail")


def table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows as a table artifact; an empty table says so."""
    if not recorded():
        return
    if rows:
        create_table_artifact(key=key, table=[dict(row) for row in rows], description=description)
    else:
        create_markdown_artifact(key=key, markdown=f"{description}\n\nNothing to show.")


def text(key: str, markdown: str, description: str = "") -> None:
    """Show a text artifact."""
    if recorded():
        create_markdown_artifact(key=key, markdown=markdown, description=description)


def link(key: str, address: str, description: str) -> None:
    """Show a link artifact, such as to a Data Docs page."""
    if recorded():
        create_link_artifact(key=key, link=address, description=description)


def event(name: str, resource: str, payload: Mapping[str, str]) -> None:
    """Emit a Prefect event; values are strings, because templates that type them fail without a word."""
    if recorded():
        emit_event(event=name, resource={"prefect.resource.id": resource}, payload=dict(payload))
