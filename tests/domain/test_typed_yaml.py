from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from handrail import typed_yaml
from handrail.errors import BadPolicy
from handrail.policy import Strict


class Part(Strict):
    size: int = Field(ge=1)
    colour: Literal["red", "blue"] = "red"


class Whole(Strict):
    name: str
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = Field({})
    spare: Part | None = None


GOOD = "name: box\nparts:\n  - size: 2\n  - {size: 3, colour: blue}\nby_name:\n  lid: {size: 1}\n"


def parse(text: str) -> Whole:
    return typed_yaml.parse(text, Whole, name="box.yaml")


def test_a_file_becomes_a_frozen_value(tmp_path: Path) -> None:
    path = tmp_path / "box.yaml"
    path.write_text(GOOD, encoding="utf-8")
    whole = typed_yaml.load(path, Whole)
    assert (whole.name, whole.parts[1].colour, whole.by_name["lid"].size) == ("box", "blue", 1)
    assert whole == parse(GOOD)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: box\npart: []\n", 2, "unknown key 'part'. Did you mean 'parts'?"),
        ("name: box\nwheels: 4\n", 2, "Known keys: name, parts, by_name, spare."),
        ("name: box\nparts:\n  - size: 1\n  - size: 1\n    color: red\n", 5, "Did you mean 'colour'?"),
        ("name: box\nby_name:\n  lid:\n    sise: 1\n", 4, "Did you mean 'size'?"),
        ("name: box\nspare:\n  size: 1\n  sizes: 2\n", 4, "Did you mean 'size'?"),
        ("parts: []\n", 1, "'name' is missing. Add it."),
        ("name: box\nparts:\n  - size: 1\n  - colour: red\n", 4, "'parts.1.size' is missing"),
        ("name: box\nparts:\n  - size: 0\n", 3, "(given: 0). Correct the value."),
        ("name: box\nspare: {size: many}\n", 2, "(given: 'many')"),
        ("name: box\nparts:\n  - {size: 1, colour: green}\n", 3, "'red' or 'blue'"),
        ("name: box\nname: crate\n", 2, "the key 'name' stands twice. Keep one of the two."),
        ("name: box\nby_name:\n  lid: {size: 1}\n  lid: {size: 2}\n", 4, "'lid' stands twice"),
        ("name: box\nparts: [\n", 3, "Correct the YAML there."),
        ("name: 'box\n", 2, "Correct the YAML there."),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(text: str, line: int, words: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parse(text)
    assert f"box.yaml, line {line}" in str(caught.value)
    assert words in str(caught.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(BadPolicy) as caught:
        parse("parts:\n  - size: 0\nwheels: 4\n")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n", "- a\n- list\n", "just words\n"])
def test_a_file_without_keys_is_refused(text: str) -> None:
    with pytest.raises(BadPolicy, match=r"box\.yaml: the file holds no keys"):
        parse(text)


def test_python_objects_are_not_built() -> None:
    with pytest.raises(BadPolicy, match="line 1"):
        parse("name: !!python/object/apply:os.getcwd []\n")


def test_a_missing_and_an_unreadable_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match="does not exist"):
        typed_yaml.load(tmp_path / "none.yaml", Whole)
    broken = tmp_path / "broken.yaml"
    broken.write_bytes(b"name: \xff\n")
    with pytest.raises(BadPolicy, match="Save it as UTF-8"):
        typed_yaml.load(broken, Whole)
    with pytest.raises(BadPolicy, match="cannot be read"):
        typed_yaml.load(tmp_path, Whole)
