"""A registered version is trained once more from what its recipe names, and compared with what was registered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from handrail.errors import BadInput, NotFound
from handrail.policy import ModelRules, NoveltyRules
from handrail.store import models
from models import rebuild, training_set, weighing
from tasks.learning.retrain import fit, training_examples
from tasks.occasion import Occasion

_SURROUNDINGS = {
    "code": "the code",
    "lock_digest": "requirements.lock",
    "python": "Python",
    "machine": "the processor",
    "packages": "the installed packages",
}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Whether the same predictions came out.

    `digest` is None where the labels are not the same any more: then nothing was trained. `differs` names
    what is not as it was then, whether or not it made a difference.
    """

    version: str
    same: bool
    registered: str
    digest: str | None
    labels: int
    differs: tuple[str, ...]


def rebuild_version(occasion: Occasion, version: str) -> Rebuilt:
    """Train a version anew from the same labels, rules and seed; nothing is registered.

    Raises:
        NotFound: the version is not registered.
        BadInput: it is from before recipes were kept.
    """
    with occasion.store.read() as connection:
        row = models.version(connection, version)
    if row is None:
        raise NotFound(f"Model version {version} is not registered. See `handrail model list`.")
    recipe = row.rebuild
    if recipe is None:
        raise BadInput(f"Version {version} has no recipe to rebuild it from. Train a new one with `handrail train`.")
    rules = ModelRules.model_validate({**recipe["rules"], "fields": recipe["fields"], "source": row.kind})
    novelty = NoveltyRules.model_validate(recipe["novelty"])
    policy = occasion.policy.model_copy(update={"model": rules, "novelty": novelty})
    new = recipe.get("new_categories", [])
    rows = training_examples(replace(occasion, policy=policy), until=row.registered_at, new_categories=new)
    differs = _surroundings(recipe)
    registered = str(recipe["predictions_digest"])
    if rows.empty or training_set.dataset_digest(rows) != row.dataset_digest:
        here = (
            f"{len(rows)} of that time count now"
            if len(rows)
            else "a file is not kept: train it again and compare the predictions' digest"
        )
        differs.insert(0, f"the training set: {row.labels} labels then, {here}")
        return Rebuilt(version, same=False, registered=registered, digest=None, labels=len(rows), differs=(*differs,))
    # What is known of a label's giver, and what became of the case, may be more by now: the weights are those of then.
    digest = fit(weighing.unpacked(rows, recipe.get("weights", {})), policy).predictions_digest
    return Rebuilt(version, digest == registered, registered, digest, len(rows), (*differs,))


def _surroundings(recipe: dict[str, object]) -> list[str]:
    here: Mapping[str, object] = rebuild.surroundings()
    return [
        f"{name}: {recipe[key]} then, {here[key]} now"
        for key, name in _SURROUNDINGS.items()
        if recipe[key] != here[key]
    ]
