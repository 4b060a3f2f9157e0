"""The retention flow deletes in the name of a purger, and in no other."""

import pytest

from flows.retention import retention
from handrail.errors import BadInput, NotPermitted
from tests.workspaces import Handrail


def test_without_a_purger_it_deletes_nothing_and_says_whom_to_name(begun: Handrail) -> None:
    with pytest.raises(BadInput, match=r"retention\.purgers"):
        retention.fn(dry_run=False, home=str(begun.home))
    assert begun.rows("SELECT count(*) FROM trail WHERE kind LIKE '%purged'") == [(0,)]


def test_in_the_name_of_somebody_else_it_is_refused(begun: Handrail) -> None:
    with pytest.raises(NotPermitted, match="data_curator"):
        retention.fn(dry_run=False, purger="nobody", home=str(begun.home))
