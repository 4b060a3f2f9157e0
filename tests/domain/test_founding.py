"""Of which kind a workspace is, by its founding alone."""

import pytest

from handrail.founding import ALTERED, REHEARSAL_TOLD, UNFOUNDED, Kind, read

DEMO = {"business": "sample", "actor": "stella", "at": "2026-01-05T00:00:00.000000Z"}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"workspace": "rehearsal"}, Kind.REHEARSAL),
        ({"workspace": "live"}, Kind.LIVE),
        ({"workspace": "whatever"}, Kind.LIVE),
        ({}, Kind.LIVE),
        (DEMO, Kind.REHEARSAL),
        ({**DEMO, "workspace": "live"}, Kind.LIVE),
        *(({**DEMO, name: "other"}, Kind.LIVE) for name in DEMO),
    ],
)
def test_only_who_says_so_and_the_demo_of_old_is_a_rehearsal(event: dict[str, str], kind: Kind) -> None:
    assert read(event, is_whole=True).kind is kind
    assert read(event, is_whole=False) == read({}, is_whole=False)


def test_what_a_face_says() -> None:
    assert read({"workspace": "rehearsal"}, is_whole=True).sentence == REHEARSAL_TOLD
    assert read({"workspace": "rehearsal"}, is_whole=False).sentence == ALTERED
    assert (UNFOUNDED.sentence, UNFOUNDED.is_rehearsal) == (None, False)
