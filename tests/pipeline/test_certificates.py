"""Certificates from blind labels to the threshold that routes, through looks, renewals and an absent registry."""

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection, insert, update

from console.certificates import in_short, shown
from flows.shadow_scoring import shadow_scoring
from handrail import policy as policies
from handrail.acts import certifying, pausing, publishing
from handrail.alpha_spending import Look, Terms, first_look, growth
from handrail.certificate import Certificate
from handrail.certification import Certification
from handrail.policy import Stage
from handrail.store import certificates, schema
from models import certificate_tags, tracking
from tasks.learning import certificate_accounts, certify
from tasks.learning.certificate_accounts import CertificateStatus, accounts, certified
from tasks.occasion import Occasion
from tasks.routing import onward
from tests.scenes import FOUNDER
from tests.shop import LATER, POLICY_FILE, WORDS, Shop, letters

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LENIENT = POLICY_FILE.replace("\nflags:", "\ncertificate: {max_error: 0.1}\nflags:")
FEWEST = first_look(0.1, 0.05)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A shop that allows one error in ten: few letters certify that."""
    publish(shop)
    return shop


def to_stage(shop: Shop, stage: Stage, moment: datetime = LATER) -> None:
    occasion = shop.at(moment, FOUNDER)
    for category in WORDS:
        pausing.set_stage(
            occasion.store, category, stage, reason="test", policy=occasion.policy, actor=FOUNDER, now=moment
        )


def labelled(shop: Shop, cases: int, moment: datetime = LATER, *, only: str | None = None, right: bool = True) -> None:
    """Cases in shadow, labelled blind."""
    to_stage(shop, Stage.SHADOW, moment)
    shop.deliver(f"shadow-{moment:%m%d%H%M}.csv", letters(cases, only=only), moment)
    shop.work(moment, right=right)


def asked(shop: Shop, moment: datetime = LATER) -> dict[str, CertificateStatus]:
    return {status.certificate: status for status in certified(shop.at(moment))}


def publish(shop: Shop, *changes: tuple[str, str]) -> None:
    text = LENIENT
    for old, new in changes:
        text = text.replace(old, new)
    file = shop.workspace.home / "other.yaml"
    file.write_text(text, encoding="utf-8")
    occasion = shop.at(LATER, FOUNDER)
    publishing.publish(occasion.store, policies.read(file), actor=FOUNDER, now=LATER)


class TestLooks:
    def test_too_few_labels_are_not_looked_at_and_the_rest_is_named(self, shop: Shop) -> None:
        labelled(shop, 100, only="refund")
        assert certify.certify(shop.at()) == []
        assert shop.rows(schema.CertificateAttempt) == []
        found = asked(shop)
        assert set(found) == {"overall", "refund", "tracking"}, "what may not be automated needs no certificate"
        assert found["refund"].needed == found["overall"].needed == FEWEST - 100
        assert found["tracking"].needed == FEWEST
        assert found["refund"].obstacle == "labels"
        assert f"about {FEWEST - 100} more blind labels are needed, at 100 a day about 1 days" in found["refund"].note
        assert "none has come lately" in found["tracking"].note

    def test_enough_labels_certify_category_and_all_together(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        assert certify.certify(shop.at()) == ["overall", "refund"]
        first = shop.rows(schema.Certificate)[0]
        assert (first["model_version"], first["max_error"], first["delta"], first["errors"]) == ("1", 0.1, 0.05, 0)
        assert (first["labels"], first["expires_at"]) == (FEWEST, LATER + shop.policy.certificate.valid_for)
        assert (first["window_from"], first["window_to"]) == (LATER, LATER)
        found = asked(shop)
        assert found["refund"].needed == 0
        assert "guarantees no single category" in found["overall"].note
        assert found["tracking"].threshold is None

    def test_a_failed_look_is_repeated_only_when_labels_have_grown(self, shop: Shop) -> None:
        labelled(shop, 200, only="refund", right=False)
        assert certify.certify(shop.at()) == []
        looks = shop.rows(schema.CertificateAttempt)
        assert [(row["category"], row["labels"], row["threshold"]) for row in looks] == [
            (None, 200, None),
            ("refund", 200, None),
        ]
        after = asked(shop)["refund"]
        assert after.obstacle == "error"
        assert looks[1]["needed"] > after.needed > 1_000, "the second look has more to spend than the first"
        assert "100.0% are wrong [98.1% to 100.0%], and at most 10.0% may be; more labels will not help" in after.note
        labelled(shop, 99, LATER + DAY, only="refund")
        assert not any(account.is_due for account in accounts(shop.at(LATER + DAY)))
        labelled(shop, 1, LATER + DAY + HOUR, only="refund")
        certify.certify(shop.at(LATER + DAY + HOUR))
        again = shop.rows(schema.CertificateAttempt)[2:]
        assert [row["labels"] for row in again] == [300, 300]
        assert [row["delta"] for row in looks] == [pytest.approx(0.005)] * 2, "a tenth"
        assert [row["delta"] for row in again] == [pytest.approx(0.04)] * 2, "eight tenths, most of what is left"

    def test_cases_that_are_still_looked_at_again_are_left_out_whatever_was_said_of_them(self, shop: Shop) -> None:
        publish(shop, ("{max_error: 0.1}", "{max_error: 0.1, settles_within: P1D}"))
        labelled(shop, FEWEST, only="refund")
        labelled(shop, 10, LATER + DAY, only="refund", right=False)
        late, later = (
            next(one for one in accounts(shop.at(LATER + days)) if one.category is None) for days in (DAY, 2 * DAY)
        )
        assert (len(late.labels), int((~late.labels["correct"]).sum()), late.is_due) == (FEWEST, 0, True)
        assert (len(later.labels), int((~later.labels["correct"]).sum())) == (FEWEST + 10, 10)
        assert certify.certify(shop.at(LATER + DAY)) == ["overall", "refund"]
        (first, _) = shop.rows(schema.Certificate)
        assert first["cases_until"] < LATER + DAY
        again = next(one for one in accounts(shop.at(LATER + 2 * DAY)) if one.category is None)
        young = again.labels["assigned_at"] > pd.Timestamp(LATER)
        assert again.due_after == growth(FEWEST, again.rules.retry_after_growth, renewal=True) - int(young.sum())

    @pytest.mark.parametrize(("days", "more", "due"), [(16, 60, False), (17, 60, True), (17, 10, False)])
    def test_the_second_look_comes_after_seventeen_days_though_labels_are_few(
        self, shop: Shop, days: int, more: int, due: bool
    ) -> None:
        labelled(shop, FEWEST, only="refund", right=False)
        certify.certify(shop.at())
        moment = LATER + days * DAY
        labelled(shop, more, moment, only="refund")
        overall = next(account for account in accounts(shop.at(moment)) if account.category is None)
        assert overall.due_after > 0 or due
        assert overall.is_due == due

    def test_a_blind_denial_that_names_no_category_is_an_error(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        occasion = shop.at()
        (case, *_) = shop.rows(schema.Route)
        with occasion.store.write() as connection:
            denial = {
                "case_id": case["case_id"],
                "kind": "review",
                "outcome": "deny",
                "reason_code": "out_of_scope",
                "actor": "rita",
                "blind": True,
                "trained": True,
                "decided_at": LATER + HOUR,
            }
            connection.execute(insert(schema.Decision).values(**denial))
        refund = next(account for account in accounts(shop.at(LATER + HOUR)) if account.category == "refund")
        assert (len(refund.labels), int((~refund.labels["correct"]).sum())) == (FEWEST, 1)

    def test_what_may_have_trained_the_model_certifies_nothing_and_what_was_withheld_does(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        withheld = shop.at().withholding.draws([row["case_id"] for row in shop.rows(schema.Route)])

        def trained(until: datetime, registered: datetime) -> int:
            values = {"trained_until": until, "registered_at": registered}
            with shop.at().store.write() as connection:
                connection.execute(schema.ModelVersion.__table__.update().values(values))
            return asked(shop)["refund"].labels

        assert trained(LATER + HOUR, LATER + HOUR) == withheld.sum()
        assert 0 < withheld.sum() < FEWEST
        assert trained(LATER + HOUR, LATER - HOUR) == 0, "labelled after it: a copy may have taught it"

    def test_the_certificate_and_every_face_name_the_cases_it_speaks_of(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        row = next(row for row in shop.rows(schema.Certificate) if row["category"] == "refund")
        named = Certificate(**row).population
        assert named.startswith("cases of refund that version 1 would automate at or above 0.")
        assert named.endswith(f", as they came, {days(row)}")
        status = asked(shop)["refund"]
        assert status.population == named
        assert f"refund: certified; {named}" in shown([status])
        assert named in in_short([status], "review")
        tag = tracking.tags(shop.at().workspace, shop.at().model_name, "1")["handrail.certificate.refund"]
        assert json.loads(tag)["population"] == named

    def test_contradictions_that_wait_count_as_errors_and_are_named(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        labelled(shop, FEWEST, only="refund")
        real = certificate_accounts.settled

        def with_some_that_wait(connection: Connection, *, since: datetime) -> pd.DataFrame:
            rulings = real(connection, since=since)
            return rulings.assign(pending=np.arange(len(rulings)) < 40)

        monkeypatch.setattr(certificate_accounts, "settled", with_some_that_wait)
        assert certify.certify(shop.at()) == []
        status = asked(shop)["refund"]
        assert (status.obstacle, status.pending) == ("disagreement", 40)
        assert "40 blind labels contradict confident predictions and wait for a second look" in status.note
        assert "40 contradictions wait for a second look: settling them may certify" in in_short(
            certified(shop.at()), "review"
        )


def days(row: dict[str, Any]) -> str:
    """The days of a certificate's cases, which lie within one month."""
    first, last = row["cases_from"], row["cases_until"]
    start = "" if first.day == last.day else f"{first.day}–"
    return f"{start}{last.day} {last:%B %Y}"


class TestRenewal:
    def test_it_is_renewed_from_the_policys_time_on_and_the_old_one_ends(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        rules = shop.policy.certificate
        renewal = LATER + rules.valid_for - rules.renew_before
        assert certify.certify(shop.at(renewal - timedelta(seconds=1))) == []
        labelled(shop, FEWEST, renewal - DAY, only="refund")
        assert asked(shop, renewal)["refund"].note == "renewal is due"
        assert certify.certify(shop.at(renewal)) == ["overall", "refund"]
        old, new = (row for row in shop.rows(schema.Certificate) if row["category"] == "refund")
        assert (old["void_reason"], old["voided_at"]) == ("renewed", renewal)
        assert (new["expires_at"], new["voided_at"]) == (renewal + rules.valid_for, None)

    def test_what_cannot_be_renewed_holds_until_its_end(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        rules = shop.policy.certificate
        renewal, end = LATER + rules.valid_for - rules.renew_before, LATER + rules.valid_for
        labelled(shop, FEWEST, renewal, only="refund", right=False)
        assert certify.certify(shop.at(renewal)) == []
        assert len(shop.rows(schema.CertificateAttempt)) == 4
        assert asked(shop, end - timedelta(seconds=1))["refund"].threshold is not None
        assert asked(shop, end)["refund"].threshold is None
        assert asked(shop, end)["refund"].needed > 0


class TestRouting:
    def test_uncertified_for_review_means_that_nothing_goes_by_itself(self, shop: Shop) -> None:
        publish(shop, ("uncertified: fixed", "uncertified: review"))
        to_stage(shop, Stage.AUTO)
        queues = shop.deliver("live.csv", letters(40, only="refund"))
        assert queues["queues"] == {"A": 0, "B": 40, "C": 0}
        assert queues["reasons"] == {"not_certified": 40}

    def test_a_certificate_lets_pass_what_also_exceeds_the_policys_threshold(self, shop: Shop) -> None:
        publish(shop, ("uncertified: fixed", "uncertified: review"))
        labelled(shop, 4 * FEWEST)
        issued = certify.certify(shop.at())
        assert issued == ["overall", "refund", "tracking"]
        to_stage(shop, Stage.AUTO, LATER + HOUR)
        shop.deliver("live.csv", letters(80), LATER + HOUR)
        routes = [row for row in shop.rows(schema.Route) if row["stage"] == "auto"]
        certificate = {row["category"]: row["threshold"] for row in shop.rows(schema.Certificate)}
        passed = [row for row in routes if row["queue"] == "A"]
        assert passed
        for row in routes:
            if row["category"] in certificate:
                above = row["confidence"] > 0.6 and row["confidence"] >= certificate[row["category"]]
                assert (row["queue"] == "A") is above
                assert row["threshold"] == max(0.6, certificate[row["category"]])

    def test_the_overall_certificate_stands_in_where_the_category_has_none(self, shop: Shop) -> None:
        publish(shop, ("uncertified: fixed", "uncertified: review"))
        labelled(shop, FEWEST, only="refund")
        assert certify.certify(shop.at()) == ["overall", "refund"]
        to_stage(shop, Stage.AUTO, LATER + HOUR)
        assert shop.deliver("live.csv", letters(20, only="tracking"), LATER + HOUR)["queues"]["A"] > 0
        assert "guarantees no single category" in shown(certified(shop.at(LATER + HOUR)))

    def test_a_policy_that_asks_for_more_sends_to_people_until_that_is_certified(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        publish(
            shop,
            ("uncertified: fixed", "uncertified: review"),
            ("max_error: 0.1", "max_error: 0.05"),
        )
        to_stage(shop, Stage.AUTO, LATER + HOUR)
        queues = shop.deliver("live.csv", letters(20, only="refund"), LATER + HOUR)["queues"]
        assert queues["A"] == 0
        assert asked(shop, LATER + HOUR)["refund"].threshold is None


class TestRegistry:
    def noted(self, shop: Shop) -> dict[str, dict[str, Any]]:
        occasion = shop.at()
        tags = tracking.tags(occasion.workspace, occasion.model_name, "1")
        prefix = certificate_tags.PREFIX
        return {name.removeprefix(prefix): json.loads(tags[name]) for name in tags if name.startswith(prefix)}

    def test_certificates_stand_as_tags_beside_their_version_void_ones_too(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        found = self.noted(shop)
        assert set(found) == {"overall", "refund"}
        assert (found["refund"]["labels"], found["refund"]["voided_at"]) == (FEWEST, None)
        with shop.at().store.write() as connection:
            connection.execute(
                schema.Certificate.__table__.update().values(voided_at=LATER + HOUR, void_reason="drift 1")
            )
        certify.certify(shop.at(LATER + HOUR))
        assert self.noted(shop)["refund"]["void_reason"] == "drift 1"

    def test_without_a_registry_it_is_issued_and_noted_at_the_next_look(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        registry = shop.workspace.home / "mlflow.db"
        away = registry.rename(registry.with_name("away.db"))
        assert certify.certify(shop.at()) == ["overall", "refund"]
        away.rename(registry)
        assert self.noted(shop) == {}
        assert certify.certify(shop.at(LATER + HOUR)) == []
        assert set(self.noted(shop)) == {"overall", "refund"}

    def test_names_that_mlflow_would_refuse_or_confuse_get_a_digest(self) -> None:
        keys = [certificate_tags.key(name) for name in (None, "overall", "refund", "what now?", "what now!")]
        assert keys[0] == "handrail.certificate.overall"
        assert keys[2] == "handrail.certificate.refund"
        assert len(set(keys)) == 5
        assert all(set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_") for key in keys)


class TestFaces:
    def test_the_flow_tells_what_is_certified_and_what_is_missing(self, shop: Shop) -> None:
        labelled(shop, FEWEST, only="refund")
        result = shop.run(shadow_scoring, LATER)
        assert result.issued == ("overall", "refund")
        assert [status.needed for status in result.certificates] == [0, 0, FEWEST]

    def test_status_names_both_in_one_line(self, shop: Shop) -> None:
        line = in_short(certified(shop.at()), "review")
        assert line.startswith("not certified: nothing is approved by itself; in the way: overall: labels")
        assert in_short(certified(shop.at()), "fixed").startswith("NOT CERTIFIED")
        labelled(shop, FEWEST, only="refund")
        certify.certify(shop.at())
        line = in_short(certified(shop.at()), "fixed")
        assert "refund ≥ " in line
        assert f"tracking: labels: about {FEWEST} more blind labels" in line
        assert "cases of refund that version 1 would automate at or above" in line
        assert "overall guarantees no single category" in line

    def test_without_a_version_there_is_nothing_to_certify(self, empty_shop: Shop) -> None:
        assert certified(empty_shop.at()) == []
        assert certify.certify(empty_shop.at()) == []
        assert "version that serves" in shown([])

    def test_another_run_that_has_looked_meanwhile_is_no_error(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        labelled(shop, FEWEST, only="refund")
        occasion, before = shop.at(), certify.look

        def look_behind_another(account):  # noqa: ANN001, ANN202 - as what it stands for
            terms, day = Terms("1", account.category, 0.02, 0.05, LATER + DAY), (LATER, LATER)
            other = Look(terms, 1, 0.025, Certification(None, 0, 0, 1, 1), 1, day, day)
            certifying.record_look(occasion.store, other, actor=FOUNDER, now=LATER)
            return before(account)

        monkeypatch.setattr(certify, "look", look_behind_another)
        assert certify.certify(occasion) == []
        assert shop.rows(schema.Certificate) == []


class TestAnotherVersion:
    def test_a_promotion_after_the_score_lets_nothing_pass_on_the_certificates_before_it(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(shop, ("uncertified: fixed", "uncertified: review"))
        labelled(shop, FEWEST, only="refund")
        assert certify.certify(shop.at()) == ["overall", "refund"]
        to_stage(shop, Stage.AUTO)
        shop.deliver("first.csv", letters(4, only="refund"))
        assert {row["queue"] for row in shop.rows(schema.Route)[-4:]} == {"A"}
        real = onward.assign

        def once_promoted(occasion: Occasion) -> dict[str, int]:
            """As a promotion leaves certificates, once all are scored."""
            with shop.at().store.write() as other:
                assert certificates.void_certificates(other, "another version serves", LATER)
            return real(occasion)

        monkeypatch.setattr(onward, "assign", once_promoted)
        shop.deliver("second.csv", letters(8, only="refund"))
        assert {row["queue"] for row in shop.rows(schema.Route)[-8:]} == {"B"}

    def test_a_model_of_cases_without_a_time_is_certified_on_later_ones_alone(self, shop: Shop) -> None:
        labelled(shop, 40, only="refund")
        assert asked(shop)["refund"].labels == 40
        with shop.at().store.write() as connection:
            connection.execute(update(schema.ModelVersion).values(trained_until=None, registered_at=LATER))
        withheld = shop.at().withholding.draws([row["case_id"] for row in shop.rows(schema.Route)])
        assert asked(shop)["refund"].labels == withheld.sum() > 0, "what is withheld for ever has taught it nothing"
