"""What an option is: one declaration for the terminal, for Python and for the checks.

Each room owns its groups of options, in a module that imports nothing slow: a group is a class of
fields made by `option`, and the request of a command is one too. This module does not know the
terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypedDict, TypeVar, cast, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from cellenhance.errors import SettingsError
from cellenhance.settings import Settings, shorten_text, suggest
from cellenhance.texts import counted


class Declaration(TypedDict, total=False):
    """What a field of `Options` declares beyond name, type, default, range and help.

    See `option`; `positional` fields are given on a command line without a flag.
    """

    flag: str
    short: str
    metavar: str
    unset: str
    panel: str
    commas: bool
    positional: bool


class Options(Settings):
    """Base of groups of options and of requests: each field is declared once, by `option`.

    A refusal is a `SettingsError` that names the flag, whoever makes the record.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    title: ClassVar[str] = "Options"
    """Heading of the group in the help."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_refuse(type(self), error)) from error


def option(
    default: Any = ...,
    help: str = "",
    *,
    limits: Mapping[str, Any] | None = None,
    **declared: Any,
) -> Any:
    """Return the declaration of an option: a field of an `Options` class, and of the terminal.

    Parameters
    ----------
    default : ``...`` where it must be given
    help : one sentence for the help, with the unit; range and default are added
    limits : ge, gt, le, lt and whatever else `pydantic.Field` takes
    declared : the keys of `Declaration`, all of them optional:
        flag ("--class"; else the name of the field in kebab-case), short ("-o"),
        metavar ("NAME=VALUE"; else by type), unset (what None means, as the help says it),
        panel (heading in the help, in place of the title of the class),
        commas (a tuple is one word with commas, not a repeated flag)

    Examples
    --------
    >>> class Tiles(Options):
    ...     tile: int | None = option(None, "Side of a tile in pixels.", limits={"ge": 32})
    >>> Tiles(tile=8)
    Traceback (most recent call last):
    cellenhance.errors.SettingsError: --tile 8: expected a whole number of at least 32
    """
    return Field(default, description=help, json_schema_extra=cast(Any, declared), **(limits or {}))


OptionsT = TypeVar("OptionsT", bound=Options)


def group(kind: type[OptionsT], **defaults: Any) -> OptionsT:
    """Return the declaration of a field that is a group, with these defaults in place of its own.

    An instance as default would do, too; but nothing is built before a request is made.
    """
    return Field(default_factory=partial(kind, **defaults))


def group_defaults(declared: Any) -> Mapping[str, Any]:
    """Return the defaults, by name, that `group` or an instance puts in place of a class's own."""
    if isinstance(declared, FieldInfo):
        made = declared.default_factory
        return made.keywords if isinstance(made, partial) else given_in(declared.default)
    return given_in(declared)


def given_in(record: Any) -> Mapping[str, Any]:
    """Return what a record was given, by name; nothing for what is none."""
    given = record.model_fields_set if isinstance(record, Options) else ()
    return {name: getattr(record, name) for name in given}


def argument(help: str, *, metavar: str, default: Any = ...) -> Any:
    """Return the declaration of a word that is given on the command line without a flag."""
    return option(default, help, metavar=metavar, positional=True)


def declaration(field: FieldInfo) -> Declaration | None:
    """Return what `option` declared of a field, None for a field that is not an option."""
    extra = field.json_schema_extra
    return cast(Declaration, extra) if isinstance(extra, dict) else None


def flag_of(name: str, field: FieldInfo) -> str:
    """Return how the terminal calls a field: ``--batch-size``, or the metavar of an argument."""
    declared = declaration(field) or Declaration()
    if declared.get("positional"):
        return declared["metavar"]
    return declared.get("flag", f"--{name.replace('_', '-')}")


def words_of(record: Options, defaults: Mapping[str, Any] | None = None) -> list[str]:
    """Return the words of a command line that make `record`: what must be given, then the rest.

    Parameters
    ----------
    defaults : of options that are left out, by name, where they are not those of the class
    """
    changed = defaults or {}
    arguments: list[str] = []
    required: list[str] = []
    others: list[str] = []
    for name, field in type(record).model_fields.items():
        value, declared = getattr(record, name), declaration(field)
        if isinstance(value, Options):
            others += words_of(value, group_defaults(field))
        elif declared is not None and (
            field.is_required() or value != changed.get(name, field.default)
        ):
            texts = _texts_of(value, declared)
            if declared.get("positional"):
                arguments += texts
                continue
            flag = declared.get("short", flag_of(name, field))
            if isinstance(value, bool):
                flag = flag if value else f"--no-{flag.removeprefix('--')}"
            place = required if field.is_required() else others
            place += [word for text in texts for word in ([flag, text] if text else [flag])]
    return [*arguments, *required, *others]


def _texts_of(value: Any, declared: Declaration) -> list[str]:
    """Return the words of a value; one empty word for a flag."""
    if isinstance(value, bool):
        return [""]
    texts = list(map(text_of, value if isinstance(value, tuple) else (value,)))
    return [",".join(texts)] if declared.get("commas") else texts


def text_of(value: Any) -> str:
    """Return one value as a word: the shortest that means the same number."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def range_of(field: FieldInfo) -> str:
    """Return the limits of a field in words: "50 to 1200", "at least 32", or ""."""
    return _limits_in_words(
        {
            name: getattr(limit, name)
            for limit in field.metadata
            for name in ("ge", "gt", "le", "lt")
            if hasattr(limit, name)
        }
    )


def _limits_in_words(found: Mapping[str, Any]) -> str:
    low, high = found.get("ge", found.get("gt")), found.get("le", found.get("lt"))
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}" if "ge" in found else f"above {low:g}"
    return "" if high is None else f"at most {high:g}"


_NUMBERS = {int: "a whole number", float: "a number"}


def _refuse(model: type[Options], error: ValidationError) -> str:
    """Return the first refusal as ``--flag found: expected ...``."""
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["ctx"]["error"]) if "ctx" in first else str(first["msg"])
    name = str(first["loc"][0])
    field = model.model_fields.get(name)
    if field is None:
        return f"{model.__name__} has no option '{name}'{suggest(name, model.model_fields)}"
    flag = flag_of(name, field) if declaration(field) is not None else name
    if first["type"] == "missing":
        return f"{flag} is missing"
    found = f"{flag} {shorten_text(str(first['input']))}"
    if first["type"] == "value_error":
        return f"{found}: {first['ctx']['error']}"
    if first["type"] == "literal_error":
        return f"{found}: expected {first['ctx']['expected'].replace(chr(39), '')}"
    if first["type"] == "too_short":
        return f"{flag}: expected at least {counted(first['ctx']['min_length'], 'value')}"
    expected = _expected(field, first.get("ctx", {}))
    return f"{found}: {f'expected {expected}' if expected else first['msg']}"


def _expected(field: FieldInfo, limits: Mapping[str, Any]) -> str:
    """Return what a field takes: "a whole number of at least 32", "a number, or all"."""
    types = types_in(field.annotation)
    kinds = [words for kind, words in _NUMBERS.items() if kind in types]
    shown = range_of(field) or _limits_in_words(limits)
    between = " " if shown.startswith("above") else " from " if " to " in shown else " of "
    number = between.join(filter(None, (*kinds[:1], shown)))
    return ", or ".join(filter(None, (number, *(each for each in types if isinstance(each, str)))))


def types_in(annotation: Any) -> set[Any]:
    """Return the plain types that a type is made of: int and NoneType of ``int | None``."""
    parts = get_args(annotation)
    return set().union(*map(types_in, parts)) if parts else {annotation}


# The options that mean the same in every command that takes them.
Output = Annotated[Path, option(..., "Where to write.", short="-o", metavar="FOLDER")]
Overwrite = Annotated[bool, option(..., "Replace an output that exists already.")]
Seed = Annotated[int, option(..., "Seed of every random draw.", limits={"ge": 0})]
