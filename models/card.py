"""The card of one version: what it is and learnt from, how good it is, how far to trust it, how to rebuild it."""

from collections.abc import Mapping, Sequence
from typing import Any

from handrail.certificate import Certificate
from models.rebuild import Recipe

_METRICS = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "ece": "calibration error",
    "novel_share": "share called novel",
    "n_train": "cases trained on",
    "n_calibration": "cases calibrated on",
    "n_test": "cases measured on",
    "n_test_worth": "what these are worth, for some count more than others",
    "weight_cap": "labels count at most",
}
_TENTHS = frozenset({"n_test_worth", "weight_cap"})
_WHAT = {
    "trained": "A text classifier trained by Handrail: words, word pairs, character n-grams and the permitted fields, "
    "multinomial logistic regression, probabilities calibrated on cases that trained nothing.",
    "given": "A model from outside: its label and confidence arrive with each case. Handrail calibrated the confidence "
    "on labelled cases and governs it like a model of its own.",
}
_LIMITS = (
    "The confidence is calibrated on average over the measured cases, not within each category or group.",
    "It drifts with the inbox: the drift watch and the audits say when.",
    "A category that is not listed here is never predicted.",
    "A confidence guarantees nothing. Only a certificate does, for the time and the error that it names.",
)


def card(row: Mapping[str, Any], notes: Sequence[str] = (), certificates: Sequence[Certificate] = ()) -> str:
    """Markdown for one version; `row` has the columns of `model_versions`, with or without a status.

    `certificates` are the valid ones.
    """
    recipe: Recipe = row["rebuild"]
    parts = [
        f"# Version {row['version']} of {row['name']}",
        _WHAT[row["kind"]],
        _section("What it learnt from", _learnt(recipe, row["cause"], row["policy_version"])),
        _section("What was measured", _measured(row["metrics"])),
        _section("What was chosen on the way", [*notes] or ["Nothing was left out."]),
        _section("Certificates", [_certified(each) for each in certificates] or [_UNCERTIFIED]),
        _section("Limits", _LIMITS),
        _section("How to rebuild it", _rebuilt(recipe, row["dataset_digest"], row["artifact_digest"])),
    ]
    return "\n\n".join(parts) + "\n"


_UNCERTIFIED = "None when this card was written; `handrail model show` says what holds now and what is missing."


def _section(title: str, lines: Sequence[str]) -> str:
    return f"## {title}\n" + "\n".join(f"- {line}" for line in lines)


def _learnt(recipe: Recipe, cause: str, policy_version: str) -> list[str]:
    data = recipe["data"]
    begin, end = data["from"], data["to"]
    window = f"received {begin[:10]} to {end[:10]}" if begin and end else "without times"
    lines = [f"{data['labels']} labels, {window}; started by: {cause}; policy {policy_version}"]
    if data["provenance"]:
        lines.append(f"by provenance: {_counted(data['provenance'])}")
    lines.append(f"by category: {_counted(data['categories'])}")
    fields = ", ".join(recipe["fields"])
    lines.append(f"it sees the redacted text and {f'the fields {fields}' if fields else 'nothing else'}")
    return lines


def _measured(metrics: Mapping[str, float]) -> list[str]:
    lines = ["on the newest labels of each category, which had not calibrated it yet"]
    for name, meaning in _METRICS.items():
        if name in metrics:
            lines.append(f"{meaning}: {_figure(name, metrics[name])}")
    return lines


def _figure(name: str, value: float) -> str:
    if name in _TENTHS:
        return f"{value:.1f}"
    return f"{value:.0f}" if name.startswith("n_") else f"{value:.3f}"


def _certified(certificate: Certificate) -> str:
    return (
        f"{certificate.category or 'overall'}: at confidence {certificate.threshold:.4f} or above at most "
        f"{certificate.max_error:.1%} wrong, with {1 - certificate.delta:.0%} certainty; {certificate.labels} blind "
        f"labels, {certificate.errors} errors; until {certificate.expires_at:%Y-%m-%d}"
    )


def _rebuilt(recipe: Recipe, dataset_digest: str, artifact_digest: str) -> list[str]:
    lock = recipe["lock_digest"] or "none: install the packages named below"
    packages = ", ".join(f"{name} {version}" for name, version in recipe["packages"].items())
    return [
        f"training set: {dataset_digest}",
        f"code ({recipe['code_is']}): {recipe['code']}",
        f"requirements.lock: {lock}",
        f"Python {recipe['python']} on {recipe['machine']}; {packages}",
        f"seed: {recipe['seed']}",
        f"the same predictions have the digest {recipe['predictions_digest']}",
        f"the files have the digest {artifact_digest}",
    ]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
