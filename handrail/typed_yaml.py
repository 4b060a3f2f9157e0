"""YAML files read into frozen, typed values; a mistake is answered with file, line and remedy."""

import difflib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, RootModel, ValidationError

from handrail.errors import BadPolicy

Model = TypeVar("Model", bound=BaseModel)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that is written twice, which plain YAML lets the last one win."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the loader's signature
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            line = key_node.start_mark.line + 1
            raise BadPolicy(f"line {line}: the key {key!r} stands twice. Keep one of the two.")
        seen.add(key)
    built = yaml.SafeLoader.construct_mapping(loader, node, deep)
    # A key is what the file says: by a date of Python's nobody could look up its line.
    return {key.isoformat() if isinstance(key, date) else key: value for key, value in built.items()}


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a pydantic model.

    Raises:
        BadPolicy: the file is missing, is not YAML, has an unknown key or an impossible value; the message
            names file and line and says what is expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadPolicy(f"{path} does not exist. Give the path of an existing file.") from error
    except (UnicodeDecodeError, OSError) as error:
        raise BadPolicy(f"{path} cannot be read as UTF-8 text ({error}). Save it as UTF-8.") from error
    return parse(text, model, name=str(path))


def parse(text: str, model: type[Model], *, name: str = "text") -> Model:
    """As `load`, from a text that is already in memory; `name` stands in the messages."""
    try:
        value = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader with unique keys
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except BadPolicy as error:
        raise BadPolicy(f"{name}, {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise BadPolicy(f"{name}{where}: {problem}. Correct the YAML there.") from error
    if issubclass(model, RootModel):
        if not isinstance(value, list):
            raise BadPolicy(f"{name}: the file holds no list. Write one entry after each dash.")
    elif not isinstance(value, dict):
        raise BadPolicy(f"{name}: the file holds no keys. Begin from one of the policies in policy/.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        lines = [_sentence(e["loc"], e["msg"], e["type"], e.get("input"), root, model, name) for e in error.errors()]
        raise BadPolicy("\n".join(lines)) from error


def _sentence(
    loc: Sequence[int | str],
    message: str,
    kind: str,
    given: object,
    root: yaml.Node | None,
    model: type[BaseModel],
    name: str,
) -> str:
    line = _line(root, loc)
    where = ".".join(str(part) for part in loc) or "the file"
    if kind == "extra_forbidden":
        keys = _known_keys(model, loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), keys, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(keys) or 'none'}."
        return f"{name}, line {line}: unknown key {where!r}. {hint}"
    if kind == "missing":
        return f"{name}, line {line}: {where!r} is missing. Add it."
    cause = message.removeprefix("Value error, ").rstrip(".")
    shown = "" if isinstance(given, dict | list) else f" (given: {given!r})"
    return f"{name}, line {line}: {where}: {cause}{shown}. Correct the value."


def _line(node: yaml.Node | None, loc: Sequence[int | str]) -> int:
    """The line of the deepest key of `loc` that the file holds (1-based)."""
    line = node.start_mark.line + 1 if node else 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            entry = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if entry is None:
                return line
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _known_keys(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """The keys that the model at `loc` accepts; empty where the path leaves the models."""
    if issubclass(model, RootModel):  # the first step is a place in its list
        loc = ("root", *loc[1:])
    for part in loc:
        fields = model.model_fields
        annotation = fields[str(part)].annotation if str(part) in fields else None
        inner = _inner_model(annotation) if annotation is not None else model
        if inner is None:
            return []
        model = inner
    return [field.alias or key for key, field in model.model_fields.items()]


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        inner = _inner_model(argument)
        if inner is not None:
            return inner
    return None
