"""How a command's parameters become options.

A command is a plain function whose parameters are option groups, beside options of its own::

    def find(search: Listing[Instance], view: ViewOptions[Instance]) -> None: ...

:func:`expand` makes of it the flat function that Typer wants: one parameter an option, which are gathered into the
groups again when the command is called. A group gets the :class:`Program` (streams, settings, time) beside its options.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from ectwo_cli.complete import PROPERTIES, TARGETS, Offer
from ectwo_cli.config import Settings
from ectwo_cli.model import Resource
from ectwo_cli.records import dataclass
from ectwo_cli.render.screen import Screen

SCOPE, QUERY, OUTPUT, ACT = "Scope", "Query", "Output", "Doing it"
"""The headings under which help lists the options."""


@dataclass(frozen=True)
class Program:
    """One run of the program: its streams, the user's settings, and the time."""

    screen: Screen
    settings: Settings
    now: datetime


# Groups


@dataclass(frozen=True)
class Group:
    """Options that belong together. Fields that are ``Annotated`` with a Typer option or argument are the options."""

    program: Program

    @classmethod
    def parameters(cls, resource: type[Resource] | None) -> list[inspect.Parameter]:
        """The options as parameters of a function; some groups have one for each property of ``resource``."""
        hints = _hints(cls)
        return [
            parameter(each.name, _named_after(hints[each.name], resource), _default(each))
            for each in dataclasses.fields(cls)
            if typing.get_origin(hints[each.name]) is Annotated
        ]

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group, from what was given on the command line."""
        known = {each.name: each for each in dataclasses.fields(cls)}
        options = {each.name: values[each.name] for each in cls.parameters(resource)}
        for name, value in options.items():
            # Typer gives None for a list that was not given.
            if value is None and name in known and known[name].default_factory is list:
                options[name] = []
        own = {name: value for name, value in options.items() if name in known}
        rest = {name: value for name, value in options.items() if name not in known}
        extra: dict[str, Any] = {"resource": resource} if "resource" in known else {}
        if rest:
            extra["properties"] = rest
        built = cls(program=program, **own, **extra)
        built.check()
        return built

    def check(self) -> None:
        """Raises UsageError for what can't be meant, so that the command stops before anything is sent."""


@dataclass(frozen=True)
class Voice(Group):
    """How much is said. Every command has these."""

    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only the result and errors.", rich_help_panel=OUTPUT)
    ] = False
    no_color: Annotated[bool, typer.Option("--no-color", help="No color.", rich_help_panel=OUTPUT)] = False
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the AWS requests and tracebacks, secrets redacted.", rich_help_panel=OUTPUT),
    ] = False


def expand(function: Callable[..., Any]) -> Callable[..., Any]:
    """The flat function for Typer. Arguments come before options, and :class:`Voice` is added to every command."""
    hints = _hints(function)
    groups: dict[str, tuple[type[Group], type[Resource] | None]] = {}
    for each in inspect.signature(function).parameters.values():
        hint = hints[each.name]
        cls = typing.get_origin(hint) or hint
        if isinstance(cls, type) and issubclass(cls, Group):
            groups[each.name] = (cls, next(iter(typing.get_args(hint)), None))
    named_after = next((resource for _, resource in groups.values() if resource), None)

    # In the order of the signature: that is the order of the arguments.
    own: list[str] = []
    flat: dict[str, inspect.Parameter] = {}
    for each in inspect.signature(function).parameters.values():
        if each.name in groups:
            cls, resource = groups[each.name]
            for option in cls.parameters(resource):
                flat.setdefault(option.name, option)
        elif hints[each.name] is not Program:
            own.append(each.name)
            flat[each.name] = parameter(each.name, _named_after(hints[each.name], named_after), each.default)
    for option in Voice.parameters(None):
        flat.setdefault(option.name, option)
    wants_program = [name for name, hint in hints.items() if hint is Program]

    def command(context: typer.Context, **values: Any) -> Any:
        program: Program = context.obj
        voice = Voice.build(program, values, None)
        program.screen.quiet = voice.quiet
        program.screen.no_color = voice.no_color
        given = {name: values[name] for name in own}
        given |= {name: cls.build(program, values, resource) for name, (cls, resource) in groups.items()}
        given |= dict.fromkeys(wants_program, program)
        return function(**given)

    parameters = [parameter("context", typer.Context, inspect.Parameter.empty), *flat.values()]
    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _hints(of: Any) -> dict[str, Any]:
    """The types of the parameters, or fields, with what they are ``Annotated`` with."""
    return {name: _plain(hint) for name, hint in typing.get_type_hints(of, include_extras=True).items()}


def _plain(hint: Any) -> Any:
    # Python 3.10 makes an Optional of what has None for its default, around the Annotated.
    inner = [arm for arm in typing.get_args(hint) if typing.get_origin(arm) is Annotated]
    return inner[0] if typing.get_origin(hint) is typing.Union and inner else hint


def parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    """A keyword parameter of a command."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)


def _default(each: dataclasses.Field[Any]) -> Any:
    # Typer takes None for the default of a list, and gives an empty one.
    if each.default_factory is not dataclasses.MISSING:
        return None
    if typing.cast(Any, each.default) == "" or each.default is dataclasses.MISSING:
        return inspect.Parameter.empty
    return each.default


def _named_after(hint: Any, resource: type[Resource] | None) -> Any:
    """The option with ``{noun}`` and so on in its help filled in."""
    if resource is None or typing.get_origin(hint) is not Annotated:
        return hint
    plain, info, *offers = typing.get_args(hint)
    kind = resource.kind
    info = copy.copy(info)
    if info.help and "{" in info.help:
        hidden = ", ".join(value for values in kind.hidden.values() for value in values)
        info.help = info.help.format(noun=kind.noun, plural=kind.plural, hidden=hidden)
    about = [Offer(each.what, resource) if each in (PROPERTIES, TARGETS) else each for each in offers]
    return Annotated[(plain, info, *about)]
