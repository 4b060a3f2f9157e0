"""The stage of each category: its newest change, else the policy's."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select

from handrail.policy import Policy, Stage
from handrail.store.schema import StageChange

_STAGES = frozenset(Stage)


def insert_stage(connection: Connection, **values: Any) -> None:  # noqa: ANN401 - columns of `stage_changes`
    """Record a stage change."""
    connection.execute(insert(StageChange).values(**values))


def stage_rows(connection: Connection) -> dict[str, str]:
    """The newest change of each category's stage, as the row names it."""
    newest = select(func.max(StageChange.id)).group_by(StageChange.category)
    changed = connection.execute(select(StageChange.category, StageChange.stage).where(StageChange.id.in_(newest)))
    return {category: stage for category, stage in changed}


def in_stages(policy: Policy, rows: Mapping[str, str]) -> dict[str, Stage]:
    """The stage of every category: its newest change, else the policy's; what is no stage leaves all to people."""
    changed = {name: Stage(row) if row in _STAGES else Stage.MANUAL for name, row in rows.items()}
    return {name: changed.get(name, rules.stage) for name, rules in policy.categories.items()}


def stages(connection: Connection, policy: Policy) -> dict[str, Stage]:
    """The stage of every category, as `in_stages` says."""
    return in_stages(policy, stage_rows(connection))
