"""Validation errors in our words: which field is wrong, what was expected of it, and what came."""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from fpga_flow.errors import FieldError, FieldPath, suggest
from fpga_flow.spec.yaml_file import shortened


def mistakes(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """What is wrong, in the order of the fields: one error for each, also where a field may be one of several types."""
    by_field: dict[FieldPath, list[Any]] = {}
    known: dict[FieldPath, list[str]] = {}
    for each in error.errors(include_url=False):
        path, keys, annotation = _find(model, each["loc"])
        if each["type"] == "union_tag_invalid":
            path = (*path, _discriminator(each))
        by_field.setdefault(path, []).append(each)
        known[path] = _tags(annotation, each) if each["type"] == "union_tag_not_found" else keys
    # where something is wrong further inside, one of several types was right
    right = {path[:length] for path in by_field for length in range(len(path))}
    wrong = {path: errors for path, errors in by_field.items() if path not in right or not _of_type(errors)}
    return [FieldError(path, _message(path, errors, known[path])) for path, errors in wrong.items()]


def show(value: Any) -> str:
    """A value from YAML as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "mapping"
        return f"a {kind}" if value else f"an empty {kind}"
    return shortened(json.dumps(value, ensure_ascii=False))


def either(words: Sequence[str]) -> str:
    """Words in a sentence: a, b or c."""
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _quoted(word: str) -> str:
    return f'"{word}"'


_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("a number above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("a number below", "lt"),
}
_LENGTHS = {
    "string_too_long": ("at most", "max_length", "character", "characters"),
    "string_too_short": ("at least", "min_length", "character", "characters"),
    "too_short": ("at least", "min_length", "entry", "entries"),
    "too_long": ("at most", "max_length", "entry", "entries"),
}


def _of_type(errors: Sequence[Any]) -> bool:
    """Whether all that is wrong is the type."""
    return all(each["type"] in _EXPECTED for each in errors)


def _message(path: FieldPath, errors: Sequence[Any], known_keys: Sequence[str]) -> str:
    error = errors[0]
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f'unknown key "{path[-1]}": {suggest(str(path[-1]), known_keys)}'
    if kind == "missing":
        return "the key is missing"
    if kind == "union_tag_not_found":
        return f'the key "{_discriminator(error)}" is missing: expected {either([_quoted(key) for key in known_keys])}'
    if kind == "value_error":
        return str(context["error"])
    value = error["input"].get(path[-1]) if kind == "union_tag_invalid" else error["input"]
    sized = [each for each in errors if each["type"] in _LENGTHS]  # the type was right: others don't count
    expected = dict.fromkeys(words for each in sized or errors for words in _expected(each))
    return f"expected {either(list(expected))}, got {_got((sized or errors)[0], value)}{_nearest(errors, value)}"


def _expected(error: Any) -> list[str]:
    """Each thing that is expected."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return [f"{words} {context[key]:.10g}"]
    if choices := _choices(error):
        return [_quoted(choice) for choice in choices]
    if kind in _LENGTHS:
        words, key, one, more = _LENGTHS[kind]
        return [f"{words} {context[key]} {one if context[key] == 1 else more}"]
    return _EXPECTED.get(kind, "another value").split(" or ")


def _got(error: Any, value: Any) -> str:
    return str(error["ctx"]["actual_length"]) if error["type"] in ("too_short", "too_long") else show(value)


def _choices(error: Any) -> list[str]:
    """The names of which one is expected."""
    context = error.get("ctx", {})
    keys = {"literal_error": "expected", "union_tag_invalid": "expected_tags"}
    text = context.get(keys.get(error["type"]))
    return text.replace(" or ", ", ").replace("'", "").split(", ") if text else []


def _nearest(errors: Sequence[Any], value: Any) -> str:
    choices = [name for error in errors for name in _choices(error)]
    near = get_close_matches(value, choices, n=1, cutoff=0.6) if isinstance(value, str) else []
    return f': did you mean "{near[0]}"?' if near else ""


def _discriminator(error: Any) -> str:
    return str(error["ctx"]["discriminator"]).strip("'")


def _tags(annotation: Any, error: Any) -> list[str]:
    """What the key that tells the members of a union apart may be."""
    key = _discriminator(error)
    fields = [getattr(member, "model_fields", {}).get(key) for member in _members(annotation)]
    return [str(tag) for field in fields if field is not None for tag in get_args(field.annotation)]


def _find(annotation: Any, location: Sequence[str | int]) -> tuple[FieldPath, list[str], Any]:
    """The location without the names of union members that it puts between; the keys and the type known at its end."""
    path: list[str | int] = []
    keys: list[str] = []
    for part in location:
        members = _members(annotation)
        if len(members) > 1:  # the part says which member
            annotation = next((each for each in members if _has_tag(each, part)), None)
            continue
        path.append(part)
        annotation = members[0]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            keys = list(annotation.model_fields)
            annotation = annotation.model_fields[str(part)].annotation if part in keys else None
        else:  # a list, or a mapping with any keys
            annotation = next(reversed(get_args(annotation)), None)
    return tuple(path), keys, annotation


def _members(annotation: Any) -> list[Any]:
    """The types that an annotation joins, without None; only itself if it joins none."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for each in get_args(annotation) if each is not type(None) for member in _members(each)]
    return [annotation]


def _has_tag(member: Any, tag: str | int) -> bool:
    fields = getattr(member, "model_fields", {})
    return any(tag in get_args(field.annotation) for field in fields.values())
