"""What every table shares: UTC moments, integer keys, names of constraints."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Integer, MetaData, Table, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment; a naive one is refused on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; pass an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite gives naive moments back; they are UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables of Handrail."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as declared
        datetime: UtcDateTime,
        str: Text,
        float: Double,
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        dict[str, int]: JSON,
        dict[str, float]: JSON,
        list[Any]: JSON,
    }

    @classmethod
    def __table_cls__(cls, *args: Any, **options: Any) -> Table:  # noqa: ANN401 - SQLAlchemy's own arguments
        """The table; where it numbers its own rows, no number is given twice, also after its row was deleted."""
        table = Table(*args, **options)
        if table.autoincrement_column is not None:
            table.dialect_options["sqlite"]["autoincrement"] = True
        return table
