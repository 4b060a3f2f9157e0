"""Why the model says what a person is about to decide on; computed when it is shown, and not kept."""

from handrail.errors import NotFound, PermanentError
from handrail.store import readable
from models import explanation
from models.classifier import TrainedModel
from models.explanation import Explanation
from models.features import model_input
from tasks.occasion import Occasion, log
from tasks.routing.score import load, permitted


def explain_prediction(occasion: Occasion, version: str, case_id: int, label: str | None = None) -> Explanation | None:
    """The words and fields behind the suggestion of `version` for one case.

    With `label` those that speak for this one, whatever the version itself says.

    None where there is nothing to tell: a case that no model may see (without consent, without a text, erased), a
    model that somebody else made, or files that cannot be read any more; the work goes on without it.
    """
    with occasion.store.read() as connection:
        case = readable.of(connection, [case_id], occasion.policy)
    if case.empty or not case["text"].iloc[0].strip():
        return None
    try:
        model = load(occasion, version)
    except (NotFound, PermanentError) as missing:
        log.warning("no explanation by version %s: %s", version, missing)
        return None
    if not isinstance(model, TrainedModel):
        return None
    if label is not None and label not in model.labels:
        return None
    return explanation.explain(model, model_input(case, permitted(occasion, model)), label=label)[0]
