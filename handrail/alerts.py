"""What counts as trouble, how bad it is, and the sentence that says it and what to do."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from handrail.dead_mans_switch import WATCHES, silences
from handrail.governing import Alteration
from handrail.watches import ALERTING, OFF_SAID, STEADY, WatchStatus

ALL = "all"
"""The subject of a trouble that is not about one thing."""
CHANNEL = "channel"
"""The kind of a channel that does not take what it is told."""
NEARLY = 0.9
"""Share of the dead-man's time after which a watch is late: with a daily watch and 30 hours, three hours before."""


class Severity(StrEnum):
    """How bad it is: nothing to do today, to be looked at today, to be looked at now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    def reaches(self, bound: str) -> bool:
        """Is it at least as bad as `bound`?"""
        order = list(Severity)
        return order.index(self) >= order.index(Severity(bound))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong now; kind and subject say which, however often and by whomever it is found."""

    kind: str
    subject: str
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A trouble that was raised; over when it is cleared, and told no more once somebody takes care of it."""

    id: int
    kind: str
    subject: str
    severity: str
    sentence: str
    raised_at: datetime
    seen_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """The `number`-th telling of an alert over one channel, from 1; 0 tells that it is over.

    `state` is new, leased, retry, sent, dead or dropped.
    """

    id: int
    alert_id: int
    channel: str
    number: int
    state: str
    attempts: int
    next_at: datetime
    sent_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Telling:
    """A delivery that a sender holds, with what it tells; `attempts` counts the one under way."""

    id: int
    alert_id: int
    channel: str
    number: int
    attempts: int
    kind: str
    subject: str
    severity: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a channel has reached: when it last took a message, how many wait for it, how many it never took."""

    channel: str
    sent_at: datetime | None
    waiting: int
    dead: int


SEEN = {
    "glances": "decisions faster than anybody reads",
    "deceived": "wrong suggestions taken over",
    "vanished": "rejections that vanish where a suggestion is visible",
    "rechecks": "labels that others find wrong",
    "gold": "gold cases answered wrongly",
    "accuracy": "often wrong without help",
    "bias": "cases of one group turned into another category",
}
"""What each signal about reviewers says when it stands out."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """Who is named for how they work, counted: whose it is stands at the desk, for those who may read labels.

    `seen` maps a signal to how many of the `people` show it, `counted` says it with its figures; `shared` are the
    signals of all together, nobody's own.
    """

    people: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    shared: Sequence[str] = ()
    counted: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What the store says at one moment; ids, names of terms and counts, no case text.

    `breakers` maps a category that the breaker paused to its open model review; `paused` names every category that is
    paused, by whomever; `alarms` maps a watch to the subjects of its last look that were alarms; `late` maps a queue to
    overdue open work and `escalations` counts late ones; `stopped` are batches that wait for a person's word; `outbox`
    counts dead, unknown and waiting actions; `heard` maps a watch to its last success, `raised` a category that may be
    automated to the moment it was first raised, and `began` is when the workspace was; `altered` is what was changed
    outside Handrail; `unread` maps a watch to the subjects that its last look could not read; `channels` maps a failing
    channel to the messages it did not take, `contradicted` are those whose certificate their audits have ended (None:
    the overall one), and `unreadable` says that nobody knows the channels; `looks` is every
    watch as it stands, and since `steady_since` alerting itself has looked without a gap.
    """

    now: datetime
    silent_for: timedelta
    breakers: Mapping[str, int | None] = field(default_factory=dict)
    paused: Collection[str] = ()
    alarms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conduct: Conduct = field(default_factory=Conduct)
    drift: int | None = None
    late: Mapping[str, int] = field(default_factory=dict)
    escalations: int = 0
    gates: Mapping[str, str] = field(default_factory=dict)
    stopped: Collection[int] = ()
    outbox: Mapping[str, int] = field(default_factory=dict)
    unavailable: str | None = None
    deleted: str | None = None
    alias_moved: bool = False
    heard: Mapping[str, datetime] = field(default_factory=dict)
    raised: Mapping[str, datetime] = field(default_factory=dict)
    began: datetime | None = None
    altered: Sequence[Alteration] = ()
    unread: Mapping[str, Sequence[str]] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)
    contradicted: Collection[str | None] = ()
    unreadable: bool = False
    looks: Sequence[WatchStatus] = ()
    steady_since: datetime | None = None


def troubles(seen: AlertFacts) -> list[Trouble]:
    """Every trouble that stands, the worst first; no two have the same kind and subject."""
    current = [*_quality(seen), *_drift(seen), *_late(seen), *_machinery(seen), *_watches(seen), *_channels(seen)]
    current += [
        Trouble(f"{one.what}_altered", one.category or ALL, Severity.CRITICAL, one.sentence) for one in seen.altered
    ]
    current += _attendance(seen, silent={one.subject for one in current if one.kind in ("watch_silent", "watch_late")})
    return sorted(current, key=lambda one: (-list(Severity).index(one.severity), one.kind, one.subject))


def _quality(seen: AlertFacts) -> Iterator[Trouble]:
    for category, review in seen.breakers.items():
        what = f"The breaker paused {_words(category)}."
        if review is None:
            what += " Resume it when the reason no longer holds: `handrail resume`, or the desk's page Operations."
        else:
            what += f" Look at the evidence of model review {review} on the desk's page Operations, then close it"
            what += f" there or with `handrail review close {review}`."
        yield Trouble("breaker", category, Severity.CRITICAL, what)
    rising = dict.fromkeys([*seen.alarms.get("breaker", ()), *seen.alarms.get("audits", ())])
    for category in rising:
        if category not in seen.breakers and category not in seen.paused:
            sentence = f"Audits reject too many automatic approvals of {_words(category)}, which is not paused."
            remedy = (
                "Look at the desk's page Monitoring and pause it there, under Operations, or with `handrail pause`."
            )
            yield Trouble("error_spike", category, Severity.CRITICAL, f"{sentence} {remedy}")
    for category in seen.alarms.get("blind_share", ()):
        sentence = f"People who see no suggestion reject more of {_words(category)} in queue B than before."
        yield Trouble("blind_share", category, Severity.WARNING, f"{sentence} Look at the desk's page Monitoring.")
    for grouping in seen.alarms.get("fairness", ()):
        sentence = f"Groups by {_words(grouping)} are treated differently, beyond the policy's bound."
        yield Trouble("fairness", grouping, Severity.WARNING, f"{sentence} See `handrail report fairness`.")
    for subject in seen.alarms.get("agreement", ()):
        about = "" if subject == ALL else f" about {_words(subject)}"
        sentence = f"Reviewers agree too little{about} for their labels to train."
        yield Trouble(
            "agreement",
            subject,
            Severity.WARNING,
            f"{sentence} Settle what the word means; see `handrail labels list --status provisional`.",
        )
    yield from _people(seen.conduct)


def _people(seen: Conduct) -> Iterator[Trouble]:
    sentences = []
    if seen.people:
        # One reviewer's signals need no number, several reviewers' do.
        shown = [_signal(name) + (f" ({count})" if seen.people > 1 else "") for name, count in seen.seen.items()]
        work = "works" if seen.people == 1 else "work"
        sentences.append(f"Seen in how {_count(seen.people, 'reviewer')} {work}: {', '.join(shown)}.")
        if seen.counted:
            sentences.append(f"{'; '.join(seen.counted)}. Test them again, or withdraw their labels.")
    if seen.shared:
        sentences.append(f"Seen in how all reviewers together work: {', '.join(map(_signal, seen.shared))}.")
    if sentences:
        sentences.append("Look at the desk's page Reviewers; who may not know names finds it under Monitoring.")
        yield Trouble("reviewers", ALL, Severity.WARNING, " ".join(sentences))


def _signal(name: str) -> str:
    return SEEN.get(name, _words(name))


def _drift(seen: AlertFacts) -> Iterator[Trouble]:
    if seen.drift is not None:
        sentence = f"What comes in has changed (drift {seen.drift}): audits are raised and certificates were voided."
        yield Trouble(
            "drift",
            ALL,
            Severity.WARNING,
            f"{sentence} Look at the desk's page Monitoring for the columns"
            " and terms; a retraining is called for, see `handrail status`.",
        )
    for category in seen.contradicted:
        whose = "all categories together" if category is None else f"category {category}"
        yield Trouble(
            "certificate",
            category or ALL,
            Severity.CRITICAL,
            f"Audits contradict the certificate of {whose}: it is void, and its cases go to people until another is"
            " earned. Look at its rejected audits on the desk's page Monitoring; `handrail status` says what is in the"
            " way.",
        )


def _late(seen: AlertFacts) -> Iterator[Trouble]:
    for queue, count in seen.late.items():
        if count:
            sentence = f"{_count(count, 'open case')} in queue {queue} {_is(count)} past the due time."
            yield Trouble(
                "sla", queue, Severity.WARNING, f"{sentence} Open the desk's page Review, or see `handrail queue list`."
            )
    if seen.escalations:
        sentence = f"{_count(seen.escalations, 'escalation')} {_is(seen.escalations)} past the due time."
        yield Trouble("sla", "escalations", Severity.CRITICAL, f"{sentence} Open the desk's page Escalations.")


_STOPPED = (
    "Delivery {batch} was stopped: too many of its rows could not be used, and none of it goes on. Release or reject it"
    " on the desk's page Deliveries, or with `handrail quarantine release` or `handrail quarantine reject`."
)
_GATES = {
    "promotion": "The newest challenger did not pass its gate; the champion goes on serving. `handrail model list`"
    " names it, `handrail model show` its figures.",
}
_ACTIONS = {
    "dead": "{count} failed for good. Settle each on the desk's page Operations, Actions, or with `handrail outbox"
    " list`.",
    "unknown": "{count} may have been carried out or not. Ask the receiver, then say so on the desk's page Operations,"
    " Actions, or with `handrail outbox confirm`.",
    "waiting": "{count} should have gone out and did not. Is the receiver away, or nobody sending? See `handrail outbox"
    " list --state retry` and start `handrail up`.",
}


def _machinery(seen: AlertFacts) -> Iterator[Trouble]:
    for batch in seen.stopped:
        yield Trouble("delivery", str(batch), Severity.WARNING, _STOPPED.format(batch=batch))
    for gate, suite in seen.gates.items():
        stopped = (
            f"The data check “{_words(suite)}” stopped a training or a deployment. See `handrail trail search --kind"
        )
        yield Trouble("gate", gate, Severity.WARNING, _GATES.get(gate, f"{stopped} gate.failed`."))
    for state, count in seen.outbox.items():
        if count:
            severity = Severity.WARNING if state == "waiting" else Severity.CRITICAL
            yield Trouble("outbox", state, severity, _ACTIONS[state].format(count=_count(count, "action")))
    if seen.unavailable is not None:
        sentence = f"Version {seen.unavailable} serves and cannot be used: every case goes to people."
        yield Trouble("model_unavailable", ALL, Severity.CRITICAL, f"{sentence} Run `handrail doctor`.")
    if seen.deleted is not None:
        sentence = f"Version {seen.deleted} serves and is gone from the model registry; its local copy works on."
        yield Trouble("model_deleted", ALL, Severity.WARNING, f"{sentence} Run `handrail doctor`.")
    if seen.alias_moved:
        sentence = "The champion's alias was moved by hand in MLflow. It was moved back and had no effect."
        yield Trouble("alias_moved", ALL, Severity.WARNING, f"{sentence} Promote with `handrail model promote`.")


def _watches(seen: AlertFacts) -> Iterator[Trouble]:
    remedy = "Start the watches with `handrail up`, and see its last run in Prefect."
    silent = {one.watch: one.sentence for one in silences(seen.heard, seen.raised, seen.silent_for, seen.now)}
    first = min(seen.raised.values(), default=seen.began)
    for name in WATCHES:
        last = seen.heard.get(name, first)
        silence = timedelta() if last is None else seen.now - last
        if name not in silent and silence > seen.silent_for:  # it never ran, and nothing waits for it yet
            silent[name] = f"The watch “{_words(name)}” has never run. Nothing is approved automatically without it."
        if name in silent:
            yield Trouble("watch_silent", name, Severity.CRITICAL, f"{silent[name]} {remedy}")
        elif silence > NEARLY * seen.silent_for:
            sentence = f"The watch {_words(name)} is late: automatic approval ends soon."
            yield Trouble("watch_late", name, Severity.WARNING, f"{sentence} {remedy}")
    log = "The log of the watch's last run, in Prefect or where `handrail up` runs, says where it failed."
    for category in seen.unread.get("breaker", ()):
        sentence = f"The breaker of {_words(category)} could not be read: nothing of it is approved automatically."
        yield Trouble("breaker_unread", category, Severity.CRITICAL, f"{sentence} {log}")
    for watch, subjects in seen.unread.items():
        if subjects and watch != "breaker":
            yield Trouble("watch_unread", watch, Severity.WARNING, f"{_unread(watch, subjects)} {log}")


def _unread(watch: str, subjects: Sequence[str]) -> str:
    """What a watch did not see; reviewers are counted, never named."""
    named = [_words(one) for one in subjects if one != ALL] or ["everything together"]
    what = _count(len(named), "reviewer") if watch == "reviewers" else ", ".join(named)
    return f"The watch {_words(watch)} could not read everything, so it is silent about {what}."


def _attendance(seen: AlertFacts, silent: Collection[str]) -> Iterator[Trouble]:
    """Watches that are switched off, that fail, or that nobody runs; of each the first, which explains the others."""
    is_steady = seen.steady_since is not None and seen.now - seen.steady_since >= STEADY
    for look in seen.looks:
        watch, critical = look.watch, look.watch.name in WATCHES
        last = "It has not looked yet." if look.looked_at is None else f"It last looked {_at(look.looked_at)}."
        if look.off is not None:
            sentence = f"The watch “{watch.title}” is switched off in Prefect: {OFF_SAID[look.off]}. {last}"
            severity = Severity.CRITICAL if critical else Severity.WARNING
            yield Trouble(
                "watch_off",
                watch.name,
                severity,
                f"{sentence} Switch {watch.deployment} on there, on the page Deployments, or start `handrail up` anew.",
            )
        elif look.failed_since is not None:
            sentence = f"The watch “{watch.title}” has failed since {_at(look.failed_since)} ({look.error}). {last}"
            severity = Severity.CRITICAL if critical and look.overdue_since else Severity.WARNING
            remedy = watch.by_hand or "Run `handrail watch` to see why, or open its last run in Prefect."
            yield Trouble("watch_failing", watch.name, severity, f"{sentence} {remedy}")
        # Whoever reads this looks at this moment; and after a start all others are given the time to catch up.
        elif look.overdue_since is not None and is_steady and watch.name != ALERTING and watch.name not in silent:
            sentence = f"The watch “{watch.title}” is overdue since {_at(look.overdue_since)}. {last}"
            yield Trouble(
                "watch_overdue",
                watch.name,
                Severity.WARNING,
                f"{sentence} Start it with `handrail up`, or let it look once with `handrail watch`.",
            )


def _channels(seen: AlertFacts) -> Iterator[Trouble]:
    if seen.unreadable:
        sentence = "The channels of the alerts cannot be read: nobody is told outside the desk."
        yield Trouble("channels", ALL, Severity.CRITICAL, f"{sentence} See why with `handrail alerts channels`.")
    for name, messages in seen.channels.items():
        sentence = f"The channel {name} did not take {_count(messages, 'message')}."
        yield Trouble(
            CHANNEL,
            name,
            Severity.CRITICAL,
            f"{sentence} Correct its address, then run `handrail alerts test {name}` or use the desk's page Alerts.",
        )


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _words(code: str) -> str:
    return code.replace("_", " ")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
