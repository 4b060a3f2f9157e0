"""Every figure of `handrail status`, `handrail report kpi` and Monitoring, beside plain SQL.

The small workspace is built here, with events on the very bounds of the windows.
"""

from datetime import timedelta

import pytest

from handrail.workspace import Workspace
from tests.plain_sql import Facts, on_postgres, on_sqlite
from tests.sum_checks import Faces, check_kpis, check_monitoring, check_status, percent, text_of
from tests.sum_worlds import AT, World, build, look


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """The small workspace, after one look of every watch."""
    home = tmp_path_factory.mktemp("sums") / "home"
    if request.param == "sqlite":
        workspace, address = Workspace(home), None
    else:
        server = request.getfixturevalue("postgres_server")
        address = server.create(request.getfixturevalue("postgres_template"))
        workspace = Workspace(home, address)
    build(workspace)
    look(workspace)
    return Faces(workspace, AT, on_sqlite(str(home / "handrail.db")) if address is None else on_postgres(address))


class TestSmallWorkspace:
    def test_the_status_is_what_the_tables_hold(self, small: Faces) -> None:
        check_status(small)

    @pytest.mark.parametrize("days", [10, 28, 84])
    def test_every_kpi_is_what_the_tables_hold_and_its_parts_make_the_whole(self, small: Faces, days: int) -> None:
        check_kpis(small, days)

    def test_monitoring_shows_what_the_tables_hold(self, small: Faces) -> None:
        check_monitoring(small)

    def test_operations_counts_as_the_status_does(self, small: Faces) -> None:
        page = text_of(small.page("/operations"))
        facts, seen = small.facts(), 0
        for category in World.policy.categories:
            cases, automatic = facts.routed(7, category)
            said = f"{percent(automatic / cases)} ({automatic} of {cases} cases)" if cases else "no case came"
            assert said in page
            seen += cases
        assert seen == facts.routed(7)[0]

    def test_events_on_a_bound_belong_to_one_window_alone(self, small: Faces) -> None:
        """What happens at this moment counts, what happened exactly a week ago counts for the week before."""
        facts, week = small.facts(), timedelta(weeks=1)
        by_week = [Facts(small.ask, AT - week * back, facts.prices).routed(7) for back in range(12)]
        assert tuple(map(sum, zip(*by_week, strict=True))) == facts.routed(84)
        on_bounds = "SELECT count(*) FROM routes WHERE assigned_at = :at"
        assert all(facts.one(on_bounds, at=AT - week * back) for back in range(3)), "the world has none on its bounds"
