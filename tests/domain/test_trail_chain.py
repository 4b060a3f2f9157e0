import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from handrail.trail.chain import GENESIS, chain, digest, link

bodies = st.lists(st.binary(max_size=40), max_size=8)


def test_the_first_link_is_the_plain_sha256_of_zeros_and_the_bytes() -> None:
    by_hand = hashlib.new("sha256")
    by_hand.update(b"\x00" * 32)
    by_hand.update(b"abc")
    assert link(GENESIS, b"abc") == by_hand.digest()


@given(bodies)
def test_a_chain_is_link_after_link(events: list[bytes]) -> None:
    expected, previous = [], GENESIS
    for body in events:
        previous = link(previous, body)
        expected.append(previous)
    assert chain(GENESIS, events) == expected


@given(bodies, bodies)
def test_a_chain_is_continued_from_its_last_hash(before: list[bytes], after: list[bytes]) -> None:
    first = chain(GENESIS, before)
    assert chain(GENESIS, before + after) == first + chain(first[-1] if first else GENESIS, after)


@given(bodies.filter(bool), st.data())
def test_a_change_in_one_event_changes_every_hash_from_there_on(events: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(events) - 1))
    changed = [*events[:place], events[place] + b"!", *events[place + 1 :]]
    before, after = chain(GENESIS, events), chain(GENESIS, changed)
    assert before[:place] == after[:place]
    assert all(old != new for old, new in zip(before[place:], after[place:], strict=True))


def test_the_digest_is_the_published_hmac() -> None:
    # RFC 4231, test case 2
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert digest(b"Jefe", "what do ya want for nothing?") == expected


@given(st.binary(min_size=16, max_size=16), st.text())
def test_the_digest_of_any_text_needs_its_salt(salt: bytes, text: str) -> None:
    assert digest(salt, text) == hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()
    assert digest(salt, text) != digest(salt + b"\x01", text)
