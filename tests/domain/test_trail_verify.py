import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import NotFound
from handrail.trail.chain import GENESIS, chain
from handrail.trail.encoding import encode
from handrail.trail.verify import Entry, Mismatch, export_line, verify, verify_export

EVENTS = 12


def trail(events: int = EVENTS, actor: str = "dana") -> list[Entry]:
    bodies = [
        encode({"seq": seq, "kind": "decided", "actor": actor, "note": "\u2028ü"}) for seq in range(1, events + 1)
    ]
    return list(zip(range(1, events + 1), bodies, chain(GENESIS, bodies), strict=True))


def head_of(entries: list[Entry]) -> tuple[int, bytes]:
    return entries[-1][0], entries[-1][2]


def written(entries: list[Entry], path: Path) -> Path:
    path.write_bytes(b"".join(export_line(entry) for entry in entries))
    return path


@given(st.integers(0, 30))
def test_an_untouched_trail_is_valid_and_its_head_is_the_last_hash(events: int) -> None:
    entries = trail(events)
    found = verify(entries)
    assert (found.valid, found.events, found.first_bad, found.problem) == (True, events, None, None)
    assert found.head == (entries[-1][2] if entries else GENESIS).hex()


@given(st.integers(0, EVENTS - 1), st.data())
def test_one_flipped_bit_is_found_at_its_event(place: int, data: st.DataObject) -> None:
    entries = trail()
    seq, body, hash_ = entries[place]
    bit = data.draw(st.integers(0, 8 * len(body + hash_) - 1))
    whole = bytearray(body + hash_)
    whole[bit // 8] ^= 1 << bit % 8
    entries[place] = (seq, bytes(whole[: len(body)]), bytes(whole[len(body) :]))
    found = verify(entries)
    assert (found.valid, found.first_bad, found.events) == (False, seq, seq - 1)


@given(st.integers(0, EVENTS - 2))
def test_a_deleted_event_is_found_at_its_place(place: int) -> None:
    entries = trail()
    del entries[place]
    assert verify(entries).first_bad == place + 1


@given(st.integers(0, EVENTS - 2))
def test_a_deleted_event_is_found_also_when_the_others_are_renumbered(place: int) -> None:
    entries = trail()
    del entries[place]
    renumbered = [(seq, body, hash_) for seq, (_, body, hash_) in enumerate(entries, 1)]
    assert verify(renumbered).first_bad == place + 1


@given(st.integers(0, EVENTS - 1))
def test_an_inserted_event_is_found(place: int) -> None:
    entries = trail()
    entries.insert(place, entries[place])
    renumbered = [(seq, body, hash_) for seq, (_, body, hash_) in enumerate(entries, 1)]
    assert verify(entries).first_bad == place + 2
    assert verify(renumbered).first_bad == place + 2


@given(st.permutations(range(EVENTS)).filter(lambda order: order != list(range(EVENTS))))
def test_another_order_is_found_at_the_first_event_out_of_place(order: list[int]) -> None:
    entries = trail()
    moved = next(place for place, origin in enumerate(order) if place != origin)
    assert verify([entries[place] for place in order]).first_bad == moved + 1


@given(st.integers(0, EVENTS - 1))
def test_a_tail_cut_off_is_seen_by_who_knows_the_head(kept: int) -> None:
    entries = trail()
    assert verify(entries[:kept]).valid
    found = verify(entries[:kept], head=head_of(entries))
    assert (found.valid, found.first_bad) == (False, kept + 1)


def test_a_complete_rewrite_is_seen_by_who_knows_the_head() -> None:
    rewritten = trail(actor="nobody")
    assert verify(rewritten).valid
    assert not verify(rewritten, head=head_of(trail())).valid
    assert verify(rewritten, head=head_of(rewritten)).valid


def test_events_whose_own_numbers_disagree_are_found_though_the_chain_holds() -> None:
    bodies = [encode({"seq": 1}), encode({"seq": 3})]
    found = verify(zip((1, 2), bodies, chain(GENESIS, bodies), strict=True))
    assert (found.valid, found.first_bad) == (False, 2)


def test_a_number_left_out_is_found_though_the_chain_holds() -> None:
    bodies = [encode({"seq": 1}), encode({"seq": 3})]
    found = verify(zip((1, 3), bodies, chain(GENESIS, bodies), strict=True))
    assert (found.valid, found.first_bad) == (False, 2)


def test_a_source_that_cannot_go_on_makes_the_trail_invalid_there() -> None:
    def entries() -> Iterator[Entry]:
        yield from trail()[:3]
        raise Mismatch("the page cannot be read")

    found = verify(entries())
    assert (found.valid, found.events, found.first_bad, found.problem) == (False, 3, 4, "the page cannot be read")


def test_an_export_holds_the_exact_bytes_and_verifies_without_a_database(tmp_path: Path) -> None:
    entries = trail()
    path = written(entries, tmp_path / "trail.jsonl")
    lines = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    assert [(line["seq"], line["body"].encode(), bytes.fromhex(line["hash"])) for line in lines] == entries
    assert verify_export(path, head=head_of(entries)) == verify(entries)


def test_every_kind_of_damage_to_an_export_is_found(tmp_path: Path) -> None:
    entries = trail()
    original = written(entries, tmp_path / "trail.jsonl").read_bytes()
    rng = random.Random(7)  # noqa: S311 - the same damage every time
    for _ in range(200):
        place = rng.randrange(len(original))
        damaged = bytearray(original)
        damaged[place] ^= 1 << rng.randrange(8)
        (tmp_path / "damaged.jsonl").write_bytes(damaged)
        found = verify_export(tmp_path / "damaged.jsonl", head=head_of(entries))
        # Hex digits may change their case, white space its kind: the same event in other clothes.
        same = json_events(bytes(damaged)) == json_events(original)
        assert found.valid is same, (place, original[place : place + 1], damaged[place : place + 1])


def json_events(lines: bytes) -> list[tuple[int, str, str]] | None:
    try:
        events = [json.loads(line) for line in lines.decode().split("\n") if line]
        return [(event["seq"], event["body"], event["hash"].lower()) for event in events]
    except (ValueError, KeyError):
        return None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no json",
        b"[]",
        b'{"seq":1}',
        b'{"seq":"x","body":"{}","hash":""}',
        b'{"seq":1,"body":7,"hash":"00"}',
        b'{"seq":1,"body":"{}","hash":"zz"}',
        b'{"seq":null,"body":"{}","hash":"00"}',
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_event_is_named(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    path.write_bytes(export_line(trail()[0]) + line + b"\n")
    found = verify_export(path)
    assert (found.valid, found.events, found.first_bad) == (False, 1, 2)
    assert "line 2 of trail.jsonl" in str(found.problem)


def test_an_empty_export_is_an_empty_trail(tmp_path: Path) -> None:
    assert verify_export(written([], tmp_path / "trail.jsonl")).events == 0


def test_a_missing_export_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="handrail trail export"):
        verify_export(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    ("minutes", "backwards", "first"),
    [((0, 1, 1, 2), 0, None), ((0, 5, 1, 2), 1, 3), ((3, 2, 1, 9), 2, 2), ((), 0, None)],
)
def test_where_moments_go_back_is_a_note_and_no_break(
    minutes: tuple[int, ...], backwards: int, first: int | None, tmp_path: Path
) -> None:
    bodies = [encode({"seq": seq, "at": f"2026-03-02T09:0{at}:00.000000Z"}) for seq, at in enumerate(minutes, 1)]
    entries = list(zip(range(1, len(bodies) + 1), bodies, chain(GENESIS, bodies), strict=True))
    for found in (verify(entries), verify_export(written(entries, tmp_path / "export.jsonl"))):
        assert (found.valid, found.backwards, found.first_backwards) == (True, backwards, first)
        assert (found.note is None) is (backwards == 0)
