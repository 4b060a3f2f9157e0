"""The folder in which Handrail keeps its work, and where everything lies in it."""

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from handrail import private
from handrail.errors import BadInput, NotFound, WrongKey

DEFAULT_HOME = Path(".handrail")
SECRET_CHARACTERS = 32
"""Fewest characters of a secret: shorter ones can be guessed."""
PASSWORD_BYTES = 24
PASSWORD_CHARACTERS = 16
PASSWORD = re.compile(rf"[!-~]{{{PASSWORD_CHARACTERS},}}")
"""Visible ASCII: Prefect compares nothing else."""


@dataclass(frozen=True)
class Workspace:
    """Names places; touches the disk only in `create`, `require`, `secret` and what concerns the password.

    An empty `database_url` means the SQLite file in `home`.
    """

    home: Path
    database_url: str = ""

    def __post_init__(self) -> None:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.home / 'handrail.db'}")

    @classmethod
    def from_environment(cls, home: Path | None = None) -> Self:
        """The workspace that `home`, else HANDRAIL_HOME, else `.handrail` names; `home` becomes absolute."""
        chosen = home or Path(os.environ.get("HANDRAIL_HOME") or DEFAULT_HOME)
        return cls(chosen.expanduser().resolve(), os.environ.get("HANDRAIL_DATABASE_URL", ""))

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking and registry database."""
        return f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder of model artifacts."""
        return self.home / "mlruns"

    @property
    def expectations_dir(self) -> Path:
        """Great Expectations' project folder."""
        return self.home / "expectations"

    @property
    def data_docs(self) -> Path:
        """First page of the validation reports."""
        return self.expectations_dir / "gx" / "uncommitted" / "data_docs" / "local_site" / "index.html"

    @property
    def prefect_home(self) -> Path:
        """Folder of the local Prefect server."""
        return self.home / "prefect"

    @property
    def reports(self) -> Path:
        """Folder of written reports."""
        return self.home / "reports"

    @property
    def model_cache(self) -> Path:
        """Folder of the champion's local copy: a lost registry does not stop work."""
        return self.home / "models"

    @property
    def actions_path(self) -> Path:
        """The sample receiver's own database of executed actions."""
        return self.home / "actions.db"

    @property
    def server_file(self) -> Path:
        """Where a running server writes its address and process id."""
        return self.home / "server.json"

    @property
    def secret_file(self) -> Path:
        """The key that nobody but the owner may read."""
        return self.home / "secret.key"

    @property
    def password_file(self) -> Path:
        """The password of the local Prefect server, which nobody but the owner may read."""
        return self.home / "prefect.password"

    def owns(self, file: Path) -> bool:
        """Is it, under whatever name, a file that Handrail keeps its state in? Reports may be written anew."""
        folders = (self.expectations_dir, self.mlflow_artifacts, self.model_cache, self.prefect_home)
        if any(file.resolve().is_relative_to(folder) for folder in folders):
            return True
        databases = [self.home / "mlflow.db", self.actions_path, Path(self.database_url.removeprefix("sqlite:///"))]
        logs = [one.with_name(one.name + end) for one in databases for end in ("-wal", "-shm")]
        secrets = [self.secret_file, self.password_file, self.home / "alerts.env"]
        kept = [*databases, *logs, self.server_file, *secrets]
        place = file.resolve()
        return any(place == one.resolve() or (place.exists() and one.exists() and place.samefile(one)) for one in kept)

    def create(self) -> None:
        """Make the folder and its key; what exists already stays as it is.

        Raises:
            BadInput: a file lies where the folder should be.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise BadInput(f"{self.home} is not a folder. Choose another one with HANDRAIL_HOME.") from None
        private.keep(self.secret_file, secrets.token_hex(SECRET_CHARACTERS))

    def require(self) -> None:
        """Make sure that the workspace has been created.

        Raises:
            NotFound: it has not.
            WrongKey: its key is lost.
        """
        if not self.secret_file.is_file():
            self.require_kept(begun=self._has_database())
            raise NotFound(f"There is no workspace at {self.home}. Run `handrail init`.")

    def require_kept(self, *, begun: bool) -> None:
        """Make sure that the key of a database that was `begun` is not lost: a new one could not take its place.

        Raises:
            WrongKey: it is.
        """
        if begun and not self.secret_file.is_file() and not os.environ.get("HANDRAIL_SECRET", "").strip():
            raise WrongKey(
                f"The key {self.secret_file} is lost, and its database cannot be used with another one. Restore it"
                " from a backup of the workspace, or set HANDRAIL_SECRET to what it held."
            )

    def served(self) -> dict[str, Any]:
        """What the server file says; empty without one, and where it came with a copy of another folder.

        A server of the folder from which this one was copied or moved works there, and not here.
        """
        try:
            content = json.loads(self.server_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(content, dict) or content.get("home", str(self.home)) != str(self.home):
            return {}
        return content

    def _has_database(self) -> bool:
        file = Path(self.database_url.removeprefix("sqlite:///"))
        return self.database_url.startswith("sqlite:") and file.is_file() and file.stat().st_size > 0

    def secret(self) -> bytes:
        """The workspace's key: HANDRAIL_SECRET, else what stands in `secret_file`; equal texts, equal keys.

        Raises:
            NotFound: neither exists.
            WrongKey: the file cannot be read, or is no text.
            BadInput: the text is too short, or what the surroundings hold is none.
        """
        text = os.environ.get("HANDRAIL_SECRET", "").strip()
        if not text:
            self.require()
            text = self._kept_secret()
        if len(text) < SECRET_CHARACTERS:
            raise BadInput(
                f"The secret has {len(text)} characters. Set HANDRAIL_SECRET to {SECRET_CHARACTERS} or more"
                f" random ones, or restore {self.secret_file}."
            )
        try:
            return text.encode()
        except UnicodeEncodeError:  # bytes of the surroundings that are no UTF-8 become characters that none can hold
            raise BadInput("HANDRAIL_SECRET is not UTF-8 text. Set it to what secret.key holds.") from None

    def _kept_secret(self) -> str:
        try:
            return self.secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise WrongKey(
                f"The key {self.secret_file} cannot be read as text. Restore it from a backup of the workspace and let"
                " its owner read it, or set HANDRAIL_SECRET to what it held."
            ) from None

    def make_password(self) -> bool:
        """Make the Prefect server's password where there is none; True if this call made it."""
        if self.password_file.exists():
            return False
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return private.keep(self.password_file, secrets.token_urlsafe(PASSWORD_BYTES))

    def password(self) -> str:
        """The Prefect server's password.

        Raises:
            NotFound: there is none.
            BadInput: others can read it, or it is not one that a browser and a header can carry.
        """
        file = self.password_file
        try:
            private.require_unseen(file)
            text = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise NotFound(f"There is no {file}. Start the servers with `handrail up`, which makes it.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{file} cannot be read: {error}. Run `handrail` as the user who owns it.") from None
        if not PASSWORD.fullmatch(text):
            raise BadInput(
                f"{file} holds no password: {PASSWORD_CHARACTERS} letters, digits or signs at least, without blanks."
                " Delete it, and the next `handrail up` makes a new one."
            )
        return text
