"""Certificates as tags of their model version in MLflow, for whoever looks there; the store alone decides."""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from handrail.certificate import Certificate
from handrail.workspace import Workspace
from models import tracking

PREFIX = "handrail.certificate."
_OVERALL = "overall"
_TERMS = (
    "category",
    "threshold",
    "max_error",
    "delta",
    "labels",
    "errors",
    "window_from",
    "window_to",
    "issued_at",
    "expires_at",
    "voided_at",
    "void_reason",
    "cases_from",
    "cases_until",
    "population",
)

_log = logging.getLogger(__name__)


def key(category: str | None) -> str:
    """The tag's name; a category that MLflow would refuse, or that is called overall, gets a digest behind it."""
    if category is None:
        return PREFIX + _OVERALL
    plain = re.sub(r"[^\w.-]", "-", category, flags=re.ASCII)[:100]
    if plain == category != _OVERALL:
        return PREFIX + plain
    return f"{PREFIX}{plain}.{hashlib.sha256(category.encode()).hexdigest()[:8]}"


def reconcile(workspace: Workspace, name: str, certificates: Iterable[Certificate]) -> bool:
    """Let the tags say what the store says of these certificates, voided ones among them.

    False when the registry is away or has lost a version: nothing depends on it, and the next call repairs it.
    """
    ordered = sorted(certificates, key=lambda certificate: certificate.model_version)
    try:
        for version, standing in groupby(ordered, key=lambda certificate: certificate.model_version):
            wanted = {key(certificate.category): _body(certificate) for certificate in standing}
            found = tracking.tags(workspace, name, version)
            stale = {tag: body for tag, body in wanted.items() if found.get(tag) != body}
            if stale:
                tracking.tag(workspace, name, version, stale)
    except tracking.RegistryAway as error:
        _log.warning("certificates are not noted in the registry: %s", error)
        return False
    return True


def _body(certificate: Certificate) -> str:
    terms = {name: getattr(certificate, name) for name in _TERMS}
    return json.dumps({name: _plain(value) for name, value in terms.items()}, ensure_ascii=False)


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a column holds
    if value is None or value != value:  # noqa: PLR0124 - a missing moment is not equal to itself
        return None
    return value.isoformat() if isinstance(value, datetime) else value
