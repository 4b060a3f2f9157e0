"""Who trains, who calibrates, who measures."""

from collections.abc import Callable

import pandas as pd
import pytest

from handrail.errors import BadInput
from handrail.policy import ModelRules
from models import training_set

Inbox = Callable[..., pd.DataFrame]


def test_parts_are_disjoint_complete_and_within_a_category_ordered_by_time(make_inbox: Inbox) -> None:
    split = training_set.prepare(make_inbox(400).sample(frac=1, random_state=5), ModelRules())
    parts = [split.train, split.calibrate, split.measure]
    assert sorted(case for part in parts for case in part["case_id"]) == list(range(400))
    for label in split.train["label"].unique():
        oldest, middle, newest = (part[part["label"] == label]["received_at"] for part in parts)
        assert oldest.max() < middle.min() <= middle.max() < newest.min()
    assert len(split.calibrate) + len(split.measure) == pytest.approx(80, abs=4)
    assert split.newest == make_inbox(400)["received_at"].max()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_category_as_small_as_the_policy_allows_trains_and_calibrates(make_inbox: Inbox, count: int) -> None:
    rare = make_inbox(count, seed=9).assign(label="rare", text=[f"rare thing {i}" for i in range(count)])
    split = training_set.prepare(pd.concat([make_inbox(200), rare]), ModelRules(min_labels_per_category=count))
    assert (split.train["label"] == "rare").any()
    assert (split.calibrate["label"] == "rare").any()


def test_what_is_left_out_is_noted(make_inbox: Inbox) -> None:
    rows = make_inbox(200)
    few = rows.head(4).assign(label="few", text=[f"few {i}" for i in range(4)])
    empty = rows.head(3).assign(text=["", "  ", None])
    split = training_set.prepare(pd.concat([rows, rows.head(6), few, empty]), ModelRules())
    assert split.notes == (
        "3 examples without text or label left out",
        "6 repeated examples counted once",
        "category 'few' left out: 4 labels, the policy asks for 5",
    )


def test_of_too_many_labels_the_newest_are_kept(make_inbox: Inbox) -> None:
    split = training_set.prepare(make_inbox(300), ModelRules(max_labels=120))
    assert min(part["case_id"].min() for part in (split.train, split.calibrate, split.measure)) == 180


def test_without_times_the_split_follows_the_seed(make_inbox: Inbox) -> None:
    rows = make_inbox(200).drop(columns="received_at")
    first, again = (training_set.prepare(rows, ModelRules(seed=3)).train["case_id"].tolist() for _ in range(2))
    assert first == again
    assert first != training_set.prepare(rows, ModelRules(seed=4)).train["case_id"].tolist()


@pytest.mark.parametrize(("count", "refused"), [(99, True), (100, False)])
def test_too_few_labels_are_refused_with_the_number_missing(make_inbox: Inbox, count: int, refused: bool) -> None:
    if refused:
        with pytest.raises(BadInput, match="collect 1 more"):
            training_set.prepare(make_inbox(count), ModelRules())
    else:
        assert training_set.prepare(make_inbox(count), ModelRules()).notes == ()


def test_a_single_category_is_refused(make_inbox: Inbox) -> None:
    with pytest.raises(BadInput, match="second category"):
        training_set.prepare(make_inbox(200).assign(label="one"), ModelRules())


def test_texts_that_do_not_differ_are_refused(make_inbox: Inbox) -> None:
    with pytest.raises(BadInput, match="All texts are equal"):
        training_set.prepare(make_inbox(200).assign(text="same"), ModelRules())


def test_texts_that_are_all_empty_are_too_few_labels(make_inbox: Inbox) -> None:
    with pytest.raises(BadInput, match="0 usable labels"):
        training_set.prepare(make_inbox(200).assign(text=""), ModelRules())


def test_the_digest_names_the_set_and_not_its_order(make_inbox: Inbox) -> None:
    rows = make_inbox(50)
    digest = training_set.dataset_digest(rows)
    assert digest == training_set.dataset_digest(rows.sample(frac=1, random_state=1))
    assert digest != training_set.dataset_digest(rows.assign(label="parcel"))
    assert digest != training_set.dataset_digest(rows.iloc[1:])
