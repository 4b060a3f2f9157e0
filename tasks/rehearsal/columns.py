"""Which column of a past holds what, where no mapping says so."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, Field

from handrail import cells, typed_yaml
from handrail.inbound_rows import MAX_CODE_CHARACTERS
from handrail.mapping import Fields, History, HistoryTest, Mapping
from handrail.policy import Strict, TimeZone

SOURCE = "rehearsal"
ROW_NUMBER = "row_number"
"""The id of a file that brings none."""
FEWEST_VALUES, MOST_VALUES = 2, 20
"""Of a column that groups cases, such as a channel or a region."""
_ID = re.compile(r"(?:^|[_\W])(?:id|nr|no|number|key|case|ticket|request|order)(?:$|[_\W])", re.IGNORECASE)
_CUSTOMER = ("customer_id", "customer", "client_id", "client", "customer_number")
_AMOUNT = ("amount",)


@dataclass(frozen=True, slots=True)
class Named:
    """The three columns that somebody names."""

    text: str
    label: str
    time: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A mapping that was made, and in sentences what was taken for what."""

    mapping: Mapping
    sentences: tuple[str, ...]


class Details(Strict):
    """A mapping file that leaves the columns to what is named and taken."""

    source: str = Field(SOURCE, min_length=1, max_length=100)
    timezone: TimeZone = "UTC"
    date_format: str | None = None


class _Keys(BaseModel, extra="allow"):
    """The keys of a file, whatever they are."""


def details(path: Path) -> Details | None:
    """What a mapping file without `fields` says; None where it has them, and is a whole one.

    Raises:
        BadPolicy: it has an unknown key or an impossible value; names line and remedy.
    """
    keys = typed_yaml.load(path, _Keys).model_extra or {}
    return None if "fields" in keys else typed_yaml.load(path, Details)


def complete(mapping: Mapping, named: Named) -> Mapping:
    """A mapping under which the rows with a label are history: the others are delivered day by day, without one.

    The three columns are as `named`, whatever the mapping says of them.
    """
    fields = mapping.fields.model_copy(update={"text": named.text, "label": named.label, "received_at": named.time})
    past = History(all=(HistoryTest(column=named.label, present=True),))
    return mapping.model_copy(update={"fields": fields, "history": past, "unmapped": "ignore"})


def propose(rows: pd.DataFrame, named: Named) -> Taken:
    """The mapping of a file that has none; `rows` are its cells as texts.

    The id is a column whose values are all different, the customer and the amount go by their names, and a column of
    few values is a group.
    """
    rest = [name for name in rows.columns if name not in (named.text, named.label, named.time)]
    id_column = _id_column(rows, rest)
    customer = next((name for name in _CUSTOMER if name in rest and name != id_column), None)
    amount = next(
        (name for name in _AMOUNT if name in rest and pd.notna(cells.numbers(rows[name].tolist())).any()), None
    )
    taken = {id_column, customer, amount}
    groups = [
        name
        for name in rest
        if name not in taken and FEWEST_VALUES <= rows[name].nunique() <= MOST_VALUES and _are_codes(rows[name])
    ]
    fields = Fields(
        external_id=id_column or ROW_NUMBER,
        received_at=named.time,
        text=named.text,
        label=named.label,
        customer_id=customer,
        amount=amount,
        extra={name: name for name in groups},
    )
    mapping = complete(Mapping(source=SOURCE, fields=fields), named)
    return Taken(
        mapping, tuple(_sentences(mapping, id_column, [name for name in rest if name not in {*taken, *groups}]))
    )


def _id_column(rows: pd.DataFrame, rest: Sequence[str]) -> str | None:
    different = [
        name
        for name in rest
        if rows[name].is_unique and (rows[name].str.strip() != "").all() and _are_codes(rows[name])
    ]
    habitual = [name for name in ("external_id", "id") if name in different]
    called_so = [name for name in different if _ID.search(name)]
    return next(iter([*habitual, *called_so]), None)


def _are_codes(column: "pd.Series[str]") -> bool:
    return bool((column.str.len() <= MAX_CODE_CHARACTERS).all())


def _sentences(mapping: Mapping, id_column: str | None, unread: Sequence[str]) -> list[str]:
    fields = mapping.fields
    parts = [f"the id from {id_column}" if id_column else "the row's number for the id"]
    parts += [f"the customer from {fields.customer_id}"] if fields.customer_id else []
    parts += [f"the amount from {fields.amount}"] if fields.amount else []
    parts += [f"{', '.join(fields.extra)} as groups to compare"] if fields.extra else []
    sentences = [f"No mapping was given. Taken: {'; '.join(parts)}. The model reads the text alone."]
    return sentences + ([f"Not read: {', '.join(unread)}."] if unread else [])
