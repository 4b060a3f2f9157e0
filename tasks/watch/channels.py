"""Channels of the alerts: names with secret addresses, and messages that go out over them by Apprise."""

import logging
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from queue import Empty, SimpleQueue
from threading import Thread, get_ident
from time import monotonic
from typing import Any
from urllib.parse import unquote

from handrail.errors import BadInput, NotFound
from handrail.workspace import Workspace

VARIABLE = "HANDRAIL_ALERTS"
FILE = "alerts.env"
PATIENCE = 15.0
"""Seconds that a channel has to take a message."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SHOWN = 200
_ADDRESS = re.compile(r"\S+://\S*")
_SHORTEST = 3
"""Characters from which on a part of an address is taken out of what is shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told: a title with business and severity, sentences; `tone` is success, info, warning or failure."""

    title: str
    body: str
    tone: str


@dataclass(frozen=True)
class Channel:
    """A channel by name; its address is a secret that no text of this object shows."""

    name: str
    address: str = field(repr=False)

    def send(self, message: Message) -> str | None:
        """Hand a message over; returns what went wrong, without the address, or None. Takes as long as it takes."""
        heard = _Ear()
        log = _quiet_log()
        log.addHandler(heard)
        try:
            if self._apprise.notify(body=message.body, title=message.title, notify_type=message.tone):
                return None
        except Exception as fault:  # noqa: BLE001 - a plugin may raise anything, and its text may quote the address
            return f"It failed: {type(fault).__name__}."
        finally:
            log.removeHandler(heard)
        return self._bare(heard.said) or "It did not take the message."

    def check(self) -> None:
        """Make sure that the address can be read.

        Raises:
            BadInput: it cannot; names the channel, not the address.
        """
        if not len(self._apprise):
            raise BadInput(
                f"The address of the channel {self.name} cannot be read. Write it as Apprise does, such as"
                f" json://HOST/PATH, in {VARIABLE} or {FILE}."
            )

    @cached_property
    def _apprise(self) -> Any:  # noqa: ANN401 - Apprise's own
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - half a second, for who has channels

        _quiet_log()
        asset = AppriseAsset(
            app_id="Handrail",
            app_desc="Handrail",
            app_url="",
            image_url_mask="",
            image_url_logo="",
            async_mode=False,  # one thread, so that what it logs is known to be of this channel
            http_redirects=False,  # a redirected message would take the secret elsewhere
            pgp_autogen=False,
            pem_autogen=False,
            storage_mode="memory",
            secure_logging=True,
        )
        found = Apprise(asset=asset)
        found.add(self.address)
        return found

    def _bare(self, said: Sequence[str]) -> str:
        """What Apprise said, without anything that stands in the address."""
        _, _, rest = self.address.partition("://")
        parts = {part for text in (rest, unquote(rest)) for part in re.split(r"[^\w.-]+|[:@/?&=]", text)}
        text = _ADDRESS.sub("…", " ".join(said))  # also one that Apprise has shortened itself
        for part in sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True):
            text = re.sub(re.escape(part), "…", text, flags=re.IGNORECASE)
        return text[:_SHOWN]


def read(workspace: Workspace) -> list[Channel]:
    """The channels of HANDRAIL_ALERTS, else of `alerts.env` in the workspace; none is no fault.

    Each is NAME=ADDRESS, separated by blanks or lines; in the file a line beginning with # says nothing.

    Raises:
        BadInput: others may read the file, or an entry is no NAME=ADDRESS, or a name comes twice.
    """
    text = os.environ.get(VARIABLE, "")
    if not text.strip():
        text = _file(workspace)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, Channel] = {}
    for number, entry in enumerate(" ".join(lines).split(), 1):
        name, equals, address = entry.partition("=")
        if not equals or not _NAME.fullmatch(name) or "://" not in address:
            raise BadInput(
                f"Channel {number} of the alerts is no NAME=ADDRESS. Write it as ops=json://HOST/PATH in {VARIABLE} or"
                f" {FILE}, the name in small letters, digits, - and _, without blanks in the address."
            )
        if name in found:
            raise BadInput(f"The channel {name} comes twice. Give each its own name in {VARIABLE} or {FILE}.")
        found[name] = Channel(name, address)
    return list(found.values())


def named(channels: Sequence[Channel], name: str) -> Channel:
    """The channel of that name.

    Raises:
        NotFound: there is none.
    """
    for channel in channels:
        if channel.name == name:
            return channel
    have = ", ".join(channel.name for channel in channels) or "none"
    raise NotFound(f"There is no channel {name!r}; there are: {have}. Add it to {VARIABLE} or {FILE}.")


def send_all(messages: Mapping[str, tuple[Channel, Message]], *, patience: float = PATIENCE) -> dict[str, str]:
    """Send to every channel at the same time; returns what went wrong by name, after `patience` seconds at the latest.

    A channel that hangs holds up none of the others; its thread is left to its own time-outs.
    """
    answers: SimpleQueue[tuple[str, str | None]] = SimpleQueue()
    for name, (channel, message) in messages.items():
        work = Thread(target=_send, args=(answers, name, channel, message), name=f"channel {name}", daemon=True)
        work.start()
    errors, until = dict.fromkeys(messages, f"It did not answer within {patience:g} seconds."), monotonic() + patience
    for _ in messages:
        try:
            name, error = answers.get(timeout=max(0.0, until - monotonic()))
        except Empty:
            break
        if error is None:
            del errors[name]
        else:
            errors[name] = error
    return errors


def _send(answers: "SimpleQueue[tuple[str, str | None]]", name: str, channel: Channel, message: Message) -> None:
    answers.put((name, channel.send(message)))


def _file(workspace: Workspace) -> str:
    file = workspace.home / FILE
    try:
        # Of the file that was opened, not of a name that may mean another one by now.
        with file.open(encoding="utf-8") as opened:
            about = os.fstat(opened.fileno())
            if about.st_mode & _OTHERS or about.st_uid not in (os.getuid(), 0):
                raise BadInput(f"Others may read {file}, which holds secrets. Run `chmod 600 {file}` as its owner.")
            return opened.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{file} cannot be read. Make it a text file of whoever runs Handrail.") from None


class _Ear(logging.Handler):
    """Hears what Apprise says in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.said.append(record.getMessage())


def _quiet_log() -> logging.Logger:
    """Apprise's log, which reaches nobody but us: some of its plugins write addresses."""
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.WARNING)
    for name in ("urllib3", "requests"):  # these write paths, and some paths are secrets
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return log
