"""Why the model says what a person is about to decide on; computed when it is shown, and not kept."""

import pandas as pd

from handrail.errors import NotFound, PermanentError
from models import explanation
from models.classifier import TrainedModel
from models.explanation import Explanation
from tasks.occasion import Occasion, log
from tasks.score import examples, load


def explain_prediction(
    occasion: Occasion, version: str, case: pd.DataFrame, label: str | None = None
) -> Explanation | None:
    """The words and fields behind the suggestion of `version` for one case (`case_id`, `redacted`, `amount`, `fields`).

    With `label` those that speak for this one, whatever the version itself says.

    None where there is nothing to tell: no text, a model that somebody else made, or files that cannot be read any
    more; the work goes on without it.
    """
    try:
        model = load(occasion, version)
    except (NotFound, PermanentError) as missing:
        log.warning("no explanation by version %s: %s", version, missing)
        return None
    if not isinstance(model, TrainedModel) or not str(case["redacted"].iloc[0] or "").strip():
        return None
    if label is not None and label not in model.labels:
        return None
    return explanation.explain(model, examples(case, model.fields), label=label)[0]
