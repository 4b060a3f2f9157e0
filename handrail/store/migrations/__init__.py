"""The history of the tables; shipped with the program and run by `Store.upgrade`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

HEAD = "0020"
"""The newest revision, here so that opening a store need not load the history."""


def configure(connection: Connection) -> Config:
    """Alembic's configuration, without a file; the migrations run on `connection`, in its transaction."""
    config = Config()
    folder = str(Path(__file__).parent).replace("%", "%%")  # the parser behind it reads % as a placeholder
    config.set_main_option("script_location", folder)
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


RENUMBERED = {"0011": "0005"}
"""Numbers that a revision had on the day it was written, before it took its place."""


def migrate(connection: Connection) -> None:
    """Bring the tables to `HEAD`."""
    if inspect(connection).has_table("alembic_version"):
        for former, number in RENUMBERED.items():
            stamp = text("UPDATE alembic_version SET version_num = :number WHERE version_num = :former")
            connection.execute(stamp, {"number": number, "former": former})
    command.upgrade(configure(connection), HEAD)
