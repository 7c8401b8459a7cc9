"""Messages as JSON and back, by their types: all that ever goes over a connection.

Nothing is made of what comes but the records that are asked for, and each field must be of the type
it is declared with: whoever knows the token still cannot send code.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from hitl.errors import HitlError
from hitl.host.messages import Said, Told
from hitl.wording import Sentence

LARGEST = 8_000_000
"""Bytes of a message: a group of nine long completions has some hundred thousand."""

T = TypeVar("T")


class WireError(HitlError):
    """What came is no message of ours."""


def dumps(message: Said | Told) -> str:
    """A message as one line of JSON."""
    return json.dumps(_plain(message), ensure_ascii=False, allow_nan=False)


def heard_by_host(text: str) -> Said:
    """Raises WireError for what is no message of one who joined."""
    said: Said = _loads(Said, text, sentences=False)
    return said


def heard_by_joined(text: str) -> Told:
    """Raises WireError for what is no message of a host."""
    told: Told = _loads(Told, text, sentences=True)
    return told


def _loads(kind: Any, text: str, *, sentences: bool) -> Any:
    try:
        return _read(kind, json.loads(text), sentences)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, HitlError) as error:
        raise WireError(f"a message makes no sense ({error})") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return {"say": value.template, "with": {k: _plain(v) for k, v in value.values.items()}}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if dataclasses.is_dataclass(value):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"": type(value).__name__, **fields}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)  # the value of a sentence, as it would be shown


def _read(kind: Any, data: Any, sentences: bool) -> Any:
    origin = typing.get_origin(kind)
    if kind is Any:
        return data
    if origin in (typing.Union, types.UnionType):
        return _read(_choice(typing.get_args(kind), data), data, sentences)
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), data, sentences)
    if origin is dict:
        return dict(_checked(dict, data))
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, data, sentences)
    if kind is float:
        if isinstance(data, dict):
            return float(data["number"])
        return float(_checked(int if type(data) is int else float, data))
    if kind is str and sentences and isinstance(data, dict):
        values = {name: _value(value) for name, value in data["with"].items()}
        return Sentence(_checked(str, data["say"]), **values)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    return _checked(kind, data)


def _value(data: Any) -> Any:
    """Of a sentence."""
    if isinstance(data, dict):
        return _read(float if "number" in data else str, data, sentences=True)
    return data


def _choice(kinds: tuple[Any, ...], data: Any) -> Any:
    """Which of a union it is: records say so themselves."""
    if data is None and type(None) in kinds:
        return type(None)
    left = [kind for kind in kinds if kind is not type(None)]
    if isinstance(data, dict) and "" in data:
        left = [kind for kind in left if getattr(kind, "__name__", "") == data[""]]
    else:
        left = [kind for kind in left if not dataclasses.is_dataclass(kind)]
    [kind] = left
    return kind


def _read_tuple(kinds: tuple[Any, ...], data: Any, sentences: bool) -> tuple[Any, ...]:
    items = _checked(list, data)
    if len(kinds) == 2 and kinds[1] is ...:
        return tuple(_read(kinds[0], item, sentences) for item in items)
    return tuple(_read(kind, item, sentences) for kind, item in zip(kinds, items, strict=True))


def _read_record(kind: Any, data: Any, sentences: bool) -> Any:
    fields = dict(_checked(dict, data))
    if fields.pop("", None) != kind.__name__:
        raise ValueError(f"this is no {kind.__name__}")
    kinds = _kinds(kind)
    return kind(**{name: _read(kinds[name], value, sentences) for name, value in fields.items()})


@functools.cache
def _kinds(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _checked(kind: type[T], data: Any) -> T:
    if kind is type(None):
        if data is not None:
            raise TypeError("nothing was expected")
    elif type(data) is not kind:
        raise TypeError(f"{kind.__name__} expected, not {type(data).__name__}")
    made: T = data
    return made
