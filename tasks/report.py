"""The time-lapse as one self-contained HTML page."""

from pathlib import Path

from tasks.story import Story, summary


def write(story: Story, file: Path) -> Path:
    """Write the report and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("<pre>" + "\n".join(summary(story)) + "</pre>", encoding="utf-8")
    return file
