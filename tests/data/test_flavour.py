"""A version that MLflow serves reads what it is sent as a delivery is read."""

import pandas as pd

from handrail.policy import PrivacyRules
from models.flavour import ServedModel


class Echo:
    """A model that answers with what it was shown."""

    fields = ("channel", "amount")

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        shown = frame["text"] + "|" + frame["channel"]
        return pd.DataFrame({"label": shown, "confidence": 0.5, "novelty": frame["amount"]}, index=frame.index)


def test_texts_are_redacted_and_padded_codes_are_the_same_code() -> None:
    sent = pd.DataFrame(
        {
            "text": ["write to anna@example.org", None, "plain"],
            "channel": [" web", "web\u00a0", None],
            "amount": [1.0, 2.0, 3.0],
        },
        index=[7, 8, 9],
    )
    answer = ServedModel(Echo(), PrivacyRules()).predict(sent)
    assert answer["label"].tolist() == ["write to [EMAIL]|web", "|web", "plain|"]
    assert answer["novelty"].tolist() == [1.0, 2.0, 3.0]
    assert answer.index.tolist() == [7, 8, 9]
