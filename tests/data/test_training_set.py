"""Who trains, who calibrates, who measures."""

from collections.abc import Callable

import pandas as pd
import pytest

from handrail.errors import BadInput
from handrail.near_duplicates import twins
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
    rare = make_inbox(count, seed=9).assign(label="rare", text=[f"rare thing {'abcde'[i]}" for i in range(count)])
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


def test_a_near_duplicate_is_learnt_and_not_measured_on(make_inbox: Inbox) -> None:
    rows = make_inbox(400)
    again = rows.tail(10)["text"].str.upper() + " 7"
    old = rows.head(10).assign(text=again.to_numpy(), label=rows.tail(10)["label"].to_numpy(), case_id=range(400, 410))
    split = training_set.prepare(pd.concat([rows, old]), ModelRules())
    held = [*split.calibrate["text"], *split.measure["text"]]
    assert not twins(held, split.train["text"].tolist(), 0.8).any()
    assert not twins(split.measure["text"].tolist(), split.calibrate["text"].tolist(), 0.8).any()
    assert set(rows.tail(10)["case_id"]) <= set(split.train["case_id"])
    assert sum(map(len, (split.train, split.calibrate, split.measure))) == 410
    assert any("near-duplicates of earlier examples are not measured on" in note for note in split.notes)


def test_near_duplicates_of_near_duplicates_share_a_part_too(make_inbox: Inbox) -> None:
    words = [f"{first}{second}" for first in "abcdef" for second in "ghijk"]
    chain = [" ".join(words[at : at + 22]) for at in (0, 2, 4, 6)]  # each like the next alone
    rows = make_inbox(400)
    newest = rows.tail(3).assign(text=chain[1:], label=rows["label"].iloc[0], case_id=range(400, 403))
    oldest = rows.head(1).assign(text=chain[0], label=rows["label"].iloc[0], case_id=403)
    split = training_set.prepare(pd.concat([rows, newest, oldest]), ModelRules())
    assert {400, 401, 402, 403} <= set(split.train["case_id"])
    assert any(note.startswith("3 near-duplicates") for note in split.notes)


def test_the_share_from_which_texts_are_alike_is_the_policys(make_inbox: Inbox) -> None:
    rows = make_inbox(400)
    strict = training_set.prepare(rows, ModelRules(), near_duplicate_from=0.99)
    assert strict.notes == ()
    with_twins = rows.assign(text=[f"{text} one two three four" for text in rows["text"]])
    loose = training_set.prepare(with_twins, ModelRules(), near_duplicate_from=0.05)
    assert any("near-duplicates" in note for note in loose.notes)


def test_texts_that_are_nearly_all_alike_are_measured_on_and_the_note_says_so(make_inbox: Inbox) -> None:
    rows = make_inbox(300)
    alike = rows.assign(text=[f"{label} number {number}" for number, label in enumerate(rows["label"])])
    split = training_set.prepare(alike, ModelRules())
    assert len(split.calibrate) + len(split.measure) == pytest.approx(60, abs=4)
    assert any("most texts are alike" in note for note in split.notes)


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


def test_texts_that_are_all_empty_are_refused_as_such(make_inbox: Inbox) -> None:
    with pytest.raises(BadInput, match=r"All texts are empty.*check the text column"):
        training_set.prepare(make_inbox(200).assign(text=" "), ModelRules())
    with pytest.raises(BadInput, match="0 usable labels"):
        training_set.prepare(make_inbox(200).head(0), ModelRules())


def test_too_few_labels_say_what_was_left_out(make_inbox: Inbox) -> None:
    rows = make_inbox(200)
    only = rows.assign(label=[f"only {at}" for at in range(len(rows))])
    with pytest.raises(BadInput, match=r"'only 0' left out: 1 labels.*and 197 more reasons\): collect 100 more"):
        training_set.prepare(only, ModelRules())


def test_the_digest_names_the_set_and_not_its_order(make_inbox: Inbox) -> None:
    rows = make_inbox(50)
    digest = training_set.dataset_digest(rows)
    assert digest == training_set.dataset_digest(rows.sample(frac=1, random_state=1))
    assert digest != training_set.dataset_digest(rows.assign(label="parcel"))
    assert digest != training_set.dataset_digest(rows.iloc[1:])
