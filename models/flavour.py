"""A version as MLflow serves it: `pyfunc.load_model` and `mlflow models serve` answer as `handrail predict` does.

MLflow names this module in the version's `MLmodel` file and calls `_load_pyfunc`. Nothing is unpickled: skops reads the
estimator with the types that this code trusts, not those that the downloaded file asks for, so it works with
MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false as well.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.pyfunc
import mlflow.sklearn
import pandas as pd
from mlflow.models import Model as MlflowModel
from mlflow.models import ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType

from handrail import cells, pii
from handrail.policy import PrivacyRules
from models import artifact, rebuild
from models.classifier import AMOUNT
from models.external import GIVEN_CONFIDENCE, GIVEN_LABEL

if TYPE_CHECKING:
    from models.external import Model

NAME = "handrail"
ANSWER = ["label", "confidence", "novelty"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that is asked outside Handrail: it redacts what it is sent by the policy that it was trained under."""

    model: "Model"
    privacy: PrivacyRules

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns `label`, `confidence` and `novelty`, one row per row of `text` and the model's fields, same index.

        Where a given model was told no label that it knows, all but the novelty is None: JSON has no NaN.
        """
        texts = frame["text"].fillna("").astype(str).tolist()
        redacted = pii.redact_many(texts, self.privacy.redact, region=self.privacy.phone_region)
        # As a delivery's fields are read: a padded code is the same code.
        codes = [name for name in self.model.fields if name != AMOUNT and name in frame]
        read = {name: [cells.identifier(cells.text(value)) for value in frame[name]] for name in codes}
        answer = self.model.predict(frame.assign(text=[one.text for one in redacted], **read))[ANSWER]
        silent = answer["label"].isna()
        return answer.astype(object).where(answer.notna(), None) if silent.any() else answer


def save_model(
    path: str, mlflow_model: MlflowModel, *, trained: "Model", companion: Path, privacy: PrivacyRules
) -> None:
    """Save a model into the folder `path`, as scikit-learn's and as this flavour, in MLflow's form of a flavour."""
    mlflow.sklearn.save_model(
        trained.estimator,
        path,
        mlflow_model=mlflow_model,
        serialization_format="skops",
        skops_trusted_types=list(artifact.TRUSTED_TYPES),
        signature=_signature(trained),
        # Written out: finding them by running the model takes MLflow four seconds.
        pip_requirements=[f"{name}=={version}" for name, version in rebuild.packages().items()],
        extra_files=[str(companion)],
    )
    python_function = mlflow_model.flavors[mlflow.pyfunc.FLAVOR_NAME]
    mlflow_model.add_flavor(mlflow.pyfunc.FLAVOR_NAME, **{**python_function, mlflow.pyfunc.MAIN: __name__})
    files = Path(path) / artifact.ESTIMATOR_FILE, Path(path) / artifact.LOGGED_COMPANION
    mlflow_model.add_flavor(
        NAME, digest=artifact.digest_of(*files), redact=list(privacy.redact), phone_region=privacy.phone_region
    )
    mlflow_model.save(str(Path(path) / MLMODEL_FILE_NAME))


def _load_pyfunc(path: str) -> ServedModel:
    """Read a version's folder; MLflow calls it by this name.

    Raises:
        PermanentError: the files are not those that were registered.
    """
    flavour: dict[str, Any] = MlflowModel.load(path).flavors[NAME]
    model = artifact.read(Path(path), flavour["digest"], companion=artifact.LOGGED_COMPANION)
    return ServedModel(model, PrivacyRules(redact=flavour["redact"], phone_region=flavour["phone_region"]))


def _signature(trained: "Model") -> ModelSignature:
    # An amount may be any number: MLflow lets no column of whole ones pass for a double.
    columns: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, "text")]
    number = AnyType()  # type: ignore[no-untyped-call]
    columns += [ColSpec(number if name == AMOUNT else DataType.string, name, required=False) for name in trained.fields]
    if trained.kind == "given":
        columns += [ColSpec(DataType.string, GIVEN_LABEL), ColSpec(DataType.double, GIVEN_CONFIDENCE)]
    answer: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, "label")]
    answer += [ColSpec(DataType.double, name) for name in ANSWER[1:]]
    return ModelSignature(inputs=Schema(columns), outputs=Schema(answer))
