"""What every table shares: UTC moments, integer keys, names of constraints."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Integer, MetaData, Table, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

from handrail.errors import PermanentError

LONGEST_SHOWN = 40
"""Characters of a damaged value that a sentence quotes."""


class NoMoment(PermanentError):
    """What stands where a moment belongs is none: somebody wrote past Handrail. Restore a backup, or put it right."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment; a naive one is refused on the way in, and what is none on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime
    place = "a column of moments"
    """Table and column, for the sentence about a damaged one."""

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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """The one door for moments: SQLite keeps whatever somebody wrote past Handrail, and a page is no place for it.

        Raises:
            NoMoment: what stands there is none.
        """
        read = super().result_processor(dialect, coltype)
        if read is None:
            return None

        def moment(value: Any) -> datetime | None:  # noqa: ANN401 - whatever lies in the database
            try:
                return read(value)
            except (ValueError, TypeError, OverflowError):
                raise NoMoment(
                    f"The database holds no moment in {self.place} but {str(value)[:LONGEST_SHOWN]!r}, which was not"
                    " written by Handrail. Restore a backup, or put that one right and run `handrail trail verify`."
                ) from None

        return moment


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


def name_moments() -> None:
    """Tell each column of moments where it stands; called when all tables are declared."""
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, UtcDateTime):
                column.type.place = f"{table.name}.{column.name}"
