"""The queues, and the reasons that lead to them in the order in which the rules are asked."""

from enum import StrEnum


class Queue(StrEnum):
    """A is executed by itself, B takes one click of a person, C a person's own decision."""

    A = "A"
    B = "B"
    C = "C"


class Reason(StrEnum):
    """Why a case goes where it goes, in the order in which the rules are asked."""

    NO_CONSENT = "no_consent"
    NO_TEXT = "no_text"
    NO_MODEL = "no_model"
    UNKNOWN_CATEGORY = "unknown_category"
    REOPENED = "reopened"
    OTHER_CURRENCY = "other_currency"
    FLAGGED = "flagged"
    STAGE_MANUAL = "stage_manual"
    STAGE_SHADOW = "stage_shadow"
    NOVEL = "novel"
    LOW_CONFIDENCE = "low_confidence"
    HIGH_CONSEQUENCE = "high_consequence"
    PAUSED = "paused"
    ALTERED = "altered"
    HELD = "held"
    STAGE_SUGGEST = "stage_suggest"
    MEDIUM_CONSEQUENCE = "medium_consequence"
    NOT_CERTIFIED = "not_certified"
    BELOW_THRESHOLD = "below_threshold"
    CONTROL_GROUP = "control_group"
    AUTO = "auto"

    @property
    def queue(self) -> Queue:
        """The queue that this reason leads to."""
        return _QUEUES[self]


_ORDER = list(Reason)
_QUEUES = {
    reason: Queue.A if reason is Reason.AUTO else Queue.C if at < _ORDER.index(Reason.PAUSED) else Queue.B
    for at, reason in enumerate(_ORDER)
}
_SENTENCES = {
    Reason.NO_CONSENT: "The customer has not agreed to automated processing.",
    Reason.NO_TEXT: "The case has no text that a model could read.",
    Reason.NO_MODEL: "No model has scored the case.",
    Reason.UNKNOWN_CATEGORY: "The model proposes a category that the policy does not know.",
    Reason.REOPENED: "The request changed after it had been decided.",
    Reason.OTHER_CURRENCY: "The amount is in another currency than the policy's, so no limit can be compared with it.",
    Reason.FLAGGED: "A policy, legal or safety pattern matches, or the amount is above the category's limit.",
    Reason.STAGE_MANUAL: "The category is worked by hand.",
    Reason.STAGE_SHADOW: "The category is in shadow: the model is observed and people decide.",
    Reason.NOVEL: "The case is unlike what the model has learned from.",
    Reason.LOW_CONFIDENCE: "The model is less confident than the review band asks.",
    Reason.HIGH_CONSEQUENCE: "An error would cost the customer much.",
    Reason.PAUSED: "Automation is paused for the category.",
    Reason.ALTERED: "What governs automation was changed outside Handrail: people decide until it is put right.",
    Reason.HELD: "Auto-approval is held: a watch is silent for too long, or could not read the category.",
    Reason.STAGE_SUGGEST: "The category is at the stage where the machine suggests and people confirm.",
    Reason.MEDIUM_CONSEQUENCE: "An error would cost the customer something: a person confirms.",
    Reason.NOT_CERTIFIED: "No valid certificate covers the category.",
    Reason.BELOW_THRESHOLD: "The confidence does not pass the auto threshold.",
    Reason.CONTROL_GROUP: "Drawn by chance for the control group of the partial rollout.",
    Reason.AUTO: "Confident, low consequence, and nothing stands against it.",
}


def explain(reason: Reason | str) -> str:
    """Say a reason in a plain sentence."""
    return _SENTENCES[Reason(reason)]
