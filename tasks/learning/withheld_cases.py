"""Which labelled cases may judge a model: blindly labelled, withheld from training, and unlike what was learnt."""

from collections.abc import Collection
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handrail.near_duplicates import twins
from handrail.store import judging, models, policies
from handrail.store.models import ModelVersion
from models.withheld import production_weights
from tasks.learning.retrain import training_examples
from tasks.occasion import Occasion


def fresh(occasion: Occasion, versions: Collection[str], since: datetime, new: Collection[str] = ()) -> pd.DataFrame:
    """Settled rulings since then on withheld cases, with the `weight` of the production cases that each stands for.

    Those that nobody would see blindly, queue C, are among them where the challenger knows categories that the champion
    does not (`new`): there they lie, and people decide all of them. Columns as in `judging.withheld`, and `in_sight`:
    decided with the champion's suggestion in sight.
    """
    policy = occasion.policy
    with occasion.store.read() as connection:
        rows = judging.withheld(connection, policy, since=since, until=occasion.now).assign(in_sight=False)
        if new:
            more = judging.decided_in_sight(connection, policy, since=since, until=occasion.now).assign(in_sight=True)
            rows = pd.concat([rows, more[~more["case_id"].isin(rows["case_id"])]], ignore_index=True)
    weights = np.where(rows["in_sight"], 1.0, production_weights(rows, policy.queues.blind_share))
    rows = rows.assign(weight=weights)
    rows = rows[occasion.withholding.draws(rows["case_id"].tolist()) & np.isfinite(weights)]
    return rows[~learnt_alike(occasion, versions, rows["text"].tolist())].reset_index(drop=True)


def learnt_alike(occasion: Occasion, versions: Collection[str], texts: list[str]) -> NDArray[np.bool_]:
    """Which texts nearly repeat what any of these versions has learnt: they would judge its memory.

    The training leaves out what resembles a withheld case of its day; these came later.
    """
    alike = np.zeros(len(texts), dtype=bool)
    for name in versions:
        with occasion.store.read() as connection:
            row = models.version(connection, name)
        learnt = _learnt(occasion, row) if row and len(texts) else pd.DataFrame()
        if len(learnt):
            alike |= twins(texts, learnt["text"].tolist(), occasion.policy.gates.training_set.near_duplicate_from)
    return alike


def unjudged(occasion: Occasion, rows: pd.DataFrame, said: "pd.Series[str]", new: Collection[str]) -> NDArray[np.bool_]:
    """Which rulings found no category right before there was the new one that `said` names."""
    with occasion.store.read() as connection:
        named_at = policies.first_named(connection, new)
    since = pd.to_datetime(said.map(named_at), utc=True)
    return (rows["label"].isna() & since.notna() & (rows["labelled_at"] < since)).to_numpy(dtype=bool)


def _learnt(occasion: Occasion, row: ModelVersion) -> pd.DataFrame:
    new = (row.rebuild or {}).get("new_categories", [])
    return training_examples(occasion, until=row.registered_at, new_categories=new)
