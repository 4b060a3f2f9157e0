"""What a model reads of cases, the same wherever it is asked: in triage, in training, on a plain file."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from models.external import GIVEN_CONFIDENCE, GIVEN_LABEL


def model_input(seen: pd.DataFrame, fields: Collection[str]) -> pd.DataFrame:
    """What a model reads of cases that came through the door: text, each of `fields` as a column, and what was given.

    Columns: case_id, text, amount (NaN where it is none of the fields), the fields.
    """
    view = pd.DataFrame(
        {
            "case_id": seen["case_id"].to_numpy(),
            "text": seen["text"].fillna("").to_numpy(),
            "amount": pd.to_numeric(seen["amount"]).to_numpy() if "amount" in fields else np.nan,
        }
    )
    for name in fields:
        if name != "amount":
            view[name] = [str(values.get(name) or "") for values in seen["fields"]]
    for name in (GIVEN_LABEL, GIVEN_CONFIDENCE):
        if name in seen:
            view[name] = seen[name].to_numpy()
    return view
