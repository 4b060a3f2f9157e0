"""A watch says that it is alive."""

from handrail.acts import attending
from tasks.occasion import Occasion


def beat(occasion: Occasion, name: str) -> None:
    """Note that the watch `name` succeeded; the dead-man's switch listens to this, so the real clock says when."""
    attending.note_watch(occasion.store, name, actor=occasion.actor, now=occasion.store.clock())
