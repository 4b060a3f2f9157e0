"""A trained model as two files, the estimator in skops and the rest in JSON, and their common digest."""

import hashlib
import json
import os
import secrets
import shutil
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from handrail.errors import NotFound, PermanentError

if TYPE_CHECKING:
    from models.external import Model

ESTIMATOR_FILE = "model.skops"
COMPANION_FILE = "handrail.json"
LOGGED_COMPANION = f"extra_files/{COMPANION_FILE}"  # where MLflow puts it
# Everything in the file that skops does not know by itself; it refuses to build any other type.
TRUSTED_TYPES = (
    "models.calibrators.CalibratedClassifier",
    "models.external.GivenClassifier",
    "models.vectoriser.TermVectoriser",
    "numpy.dtype",
)


def companion(trained: "Model") -> str:
    """What stands in `COMPANION_FILE`: all of the model but the estimator and the withheld cases."""
    document = {
        "fields": list(trained.fields),
        "kind": trained.kind,
        "labels": list(trained.labels),
        "metrics": dict(trained.metrics),
        "notes": list(trained.notes),
        "novelty": trained.novelty.to_dict(),
        "predictions_digest": trained.predictions_digest,
        "trained_until": None if trained.trained_until is None else trained.trained_until.isoformat(),
    }
    return json.dumps(document, sort_keys=True)


def digest(folder: Path) -> str:
    """SHA-256 over both files of `folder`."""
    return _digest(*_read(folder, COMPANION_FILE))


def digest_of(estimator: Path, companion_file: Path) -> str:
    """The same over the two files wherever they lie."""
    return _digest(estimator.read_bytes(), companion_file.read_bytes())


def read(folder: Path, expected_digest: str, companion: str = COMPANION_FILE) -> "Model":
    """Read a model; the very bytes that were checked are the ones that are loaded.

    Raises:
        NotFound: a file is missing.
        PermanentError: the files are not those that were registered.
    """
    estimator, document = _read(folder, companion)
    if _digest(estimator, document) != expected_digest:
        raise PermanentError(
            f"The model files in {folder} are not the registered ones (digest {expected_digest[:12]}…), "
            "so they were not loaded. Find out who changed them, then delete the folder: it is fetched anew."
        )
    # Loaded here: who only looks for the files, or hands them on, need not wait for scikit-learn.
    import skops.io  # noqa: PLC0415 - as above

    from models.classifier import TrainedModel  # noqa: PLC0415 - as above
    from models.external import GivenModel  # noqa: PLC0415 - as above
    from models.novelty import NoveltyModel  # noqa: PLC0415 - as above

    known = json.loads(document)
    until = known["trained_until"]
    model = GivenModel if known.get("kind") == "given" else TrainedModel
    return model(
        estimator=skops.io.loads(estimator, trusted=list(TRUSTED_TYPES)),
        novelty=NoveltyModel.from_dict(known["novelty"]),
        fields=tuple(known["fields"]),
        metrics=known["metrics"],
        notes=tuple(known["notes"]),
        trained_until=None if until is None else datetime.fromisoformat(until),
        predictions_digest=known["predictions_digest"],
    )


def copy(source: Path, companion_source: Path, target: Path) -> None:
    """Copy both files into the folder `target`, which appears whole or not at all; an existing one stays."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    draft.mkdir()
    try:
        shutil.copyfile(source, draft / ESTIMATOR_FILE)
        shutil.copyfile(companion_source, draft / COMPANION_FILE)
        os.rename(draft, target)  # noqa: PTH104 - Path.rename would do; both fail when another process was faster
    except OSError:
        if not target.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class Loaded:
    """The models that this process has read, newest use last, found by digest."""

    def __init__(self, size: int = 4) -> None:
        """Keep at most `size` models: champion, challenger, and one of each while they change."""
        self._size = size
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> "Model | None":
        """The model with this digest, or None."""
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
            return self._models.get(key)

    def put(self, key: str, model: "Model") -> None:
        """Keep a model and drop the one that was not used for longest."""
        with self._lock:
            self._models[key] = model
            self._models.move_to_end(key)
            while len(self._models) > self._size:
                self._models.popitem(last=False)


def _read(folder: Path, companion: str) -> tuple[bytes, bytes]:
    try:
        return (folder / ESTIMATOR_FILE).read_bytes(), (folder / companion).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(
            f"{error.filename} is missing. Restore it from a backup, or train anew with `handrail train`."
        ) from error


def _digest(estimator: bytes, document: bytes) -> str:
    parts = hashlib.sha256(estimator).digest() + hashlib.sha256(document).digest()
    return hashlib.sha256(parts).hexdigest()
