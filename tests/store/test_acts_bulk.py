from handrail.acts import bulk
from handrail.store.engine import Store
from tests.fates import one_of_each_fate
from tests.scenes import NOW, POLICY, Scene


def test_each_number_of_a_bulk_approval_gets_its_true_fate(store: Store) -> None:
    fates = one_of_each_fate(Scene(store))
    done = bulk.approve(store, list(fates), "rita", category="refund", policy=POLICY, now=NOW)
    assert dict.fromkeys(done.cases, "approved") | {case: str(fate) for case, fate in done.left.items()} == fates
    again = bulk.approve(store, done.cases, "rita", category="refund", policy=POLICY, now=NOW)
    assert (again.decisions, set(again.left.values())) == ([], {"decided"})
