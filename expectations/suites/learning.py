"""What a training set, a withheld set and a challenger's predictions on it have to look like."""

from datetime import datetime

from expectations.suites.deliveries import predictions
from expectations.suites.rules import DAY, Rule, Suite, between, identified, one_of, positive, present, unique, whole
from handrail.policy import Policy

PROVENANCES = (
    *("imported", "history", "review", "audit", "second", "recheck", "doubt"),
    *("adjudication", "consensus", "escalation"),
)

_IN_LEARNABLE_CATEGORIES = 0.95  # the rest is left out of the training, which says so


def training_set(policy: Policy, *, now: datetime, compared: int) -> Suite:
    """Rules for what a model learns from: `case_id, text, label, labelled_at, provenance, leaks, agreement`.

    `leaks` says whether a row is a withheld case or nearly repeats one. `agreement` is Krippendorff's alpha
    over the `compared` cases with two labels or more, the same in every row; fewer than the policy asks for
    say nothing, and no rule asks then.
    """
    rules, fewest = policy.gates.training_set, policy.model.min_labels
    each = policy.model.min_labels_per_category
    return Suite(
        "training_set",
        (
            *identified("case_id"),
            whole("TableRowCount", None, fewest, None, f"there are at least {fewest} labels: label more cases"),
            present("label", "each example has a label: leave out those that have none"),
            one_of("label", policy.categories, "each label is one of the policy's categories: correct it"),
            whole("ColumnUniqueValueCount", "label", 2, None, "there are two categories: label another"),
            whole(
                "ColumnMax",
                "label_share",
                None,
                rules.largest_category_at_most,
                f"no category has more than {rules.largest_category_at_most:.0%} of the labels: "
                "look for a delivery with one label, and label other categories",
            ),
            between(
                "label_count",
                each,
                None,
                f"nearly all labels are of categories with {each} or more: "
                "label more of the rare ones, or look for misspelt labels",
                mostly=_IN_LEARNABLE_CATEGORIES,
            ),
            between(
                "text_characters",
                1,
                None,
                "nearly all examples have a text: find out why",
                mostly=1 - rules.without_text_at_most,
            ),
            unique(
                "text_key",
                f"at most {rules.repeated_at_most:.0%} of the texts stand more than once: "
                "look for a delivery that was repeated",
                mostly=1 - rules.repeated_at_most,
            ),
            whole(
                "ColumnMin",
                "label_age_days",
                None,
                rules.newest_within / DAY,
                f"the newest label is at most {rules.newest_within.days} days old: label recent cases",
            ),
            present("provenance", "each label says whence it comes: find out"),
            one_of("provenance", PROVENANCES, "each label is from history or a review: find out whence"),
            one_of("leaks", [False], "no example is withheld or nearly repeats a withheld one: leave it out"),
            *_agreement(policy, compared),
        ),
        now,
    )


def _agreement(policy: Policy, compared: int) -> tuple[Rule, ...]:
    rules = policy.gates.training_set
    if compared < rules.agreement_cases:
        return ()
    return (
        whole(
            "ColumnMin",
            "agreement",
            rules.agreement_at_least,
            None,
            f"reviewers agree beyond chance (alpha at least {rules.agreement_at_least:g}): settle what the "
            "categories mean, and train the reviewers anew",
        ),
    )


def withheld_set(policy: Policy, *, now: datetime) -> Suite:
    """Rules for the labels that judge a challenger: `case_id, label, labelled_at, weight, shift`.

    `shift` is how far the champion's predictions on them, by design weight, lie from those on the production
    cases of the window, beyond chance; the same in every row.
    """
    rules, promotion = policy.gates.withheld_set, policy.promotion
    fewest, window = promotion.min_withheld, promotion.withheld
    return Suite(
        "withheld_set",
        (
            *identified("case_id"),
            whole("TableRowCount", None, fewest, None, f"there are at least {fewest} labels: wait for more"),
            present("label", "each case has a label: leave out those that have none"),
            one_of("label", policy.categories, "each label is one of the policy's categories: correct it"),
            present("weight", "each case says how many it stands for: find out how it was drawn"),
            positive("weight", "a case stands for more than none: find out how it was drawn"),
            present("label_age_days", "each label says when it was given: find out"),
            between(
                "label_age_days",
                0,
                window / DAY,
                f"a label was given within the last {window.days} days: leave out older ones",
            ),
            whole(
                "ColumnMin",
                "label_age_days",
                None,
                rules.newest_within / DAY,
                f"the newest label is at most {rules.newest_within.days} days old: label recent cases",
            ),
            whole(
                "ColumnMax",
                "shift",
                None,
                rules.shift_at_most,
                f"the cases reflect current production (population stability index at most {rules.shift_at_most:g} "
                "beyond chance): wait for labels of the cases that are missing",
            ),
        ),
        now,
    )


def challenger(policy: Policy) -> Suite:
    """Rules for its predictions on withheld cases: `case_id, label, confidence, novelty, covered, calibration_error`.

    `covered` says whether the case's true category is rare or predicted at least once; `calibration_error` is
    the part of the expected calibration error that chance does not explain, the same in every row.
    """
    rules = policy.gates.challenger
    return Suite(
        "challenger",
        (
            *predictions(policy.categories).rules,
            one_of(
                "covered",
                [True],
                f"a category of {rules.covers_from:.0%} of the labels or more is predicted "
                "at least once: train with labels of it",
            ),
            whole(
                "ColumnMax",
                "calibration_error",
                None,
                rules.calibration_error_at_most,
                f"confidence is off by at most {rules.calibration_error_at_most:g} beyond chance: "
                "calibrate on newer labels",
            ),
        ),
    )
