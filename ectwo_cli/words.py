"""What may come next on a command line: groups, verbs, options, and what those and the arguments offer.

The words of a verb are read from its declaration once, and kept in a cache file: a TAB then loads neither Typer nor any
command.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ectwo_cli import __version__
from ectwo_cli.config import cache_dir
from ectwo_cli.main import GROUPS

Candidates = list[tuple[str, str]]
HELP = [["-h", "--help"], False, False, "Show this message and exit.", None]


def candidates(words: Sequence[str], incomplete: str, environ: Mapping[str, str]) -> Candidates:
    """What may stand for ``incomplete`` after ``words``, with what each is."""
    at = next((index for index, word in enumerate(words) if word in GROUPS), None)
    if at is None:
        root = {"--version": "Show the version.", "--completion": "Print a shell's completion.", "--help": ""}
        offered = root if incomplete.startswith("-") else {name: group.help for name, group in GROUPS.items()}
        return [(name, text) for name, text in offered.items() if name.startswith(incomplete)]
    group, rest = words[at], list(words[at + 1 :])
    verbs = _known(group, "", environ)["verbs"]
    place = next((index for index, word in enumerate(rest) if not word.startswith("-")), None)
    if place is None:
        return [(name, text) for name, text in verbs.items() if name.startswith(incomplete)]
    if rest[place] not in verbs:
        return []
    return _of_verb(_known(group, rest[place], environ), rest[place + 1 :], incomplete, environ)


def _of_verb(verb: Mapping[str, Any], words: list[str], incomplete: str, environ: Mapping[str, str]) -> Candidates:
    """Values, options or arguments of one verb: what the words before ask for."""
    by_name = {name: option for option in verb["options"] for name in option[0]}
    given: list[str] = []
    positional = 0
    profiles: list[str] = []
    waiting = None
    for word in words:
        if waiting is not None:
            profiles += [word] if "--profile" in waiting[0] else []
            waiting = None
        elif word == "--":
            return []
        elif word.startswith("-") and len(word) > 1:
            name = word.partition("=")[0]
            given.append(name)
            option = by_name.get(name)
            waiting = option if option and option[1] and "=" not in word else None
        else:
            positional += 1

    def offers(spec: Sequence[Any] | None, typed: str) -> Candidates:
        from ectwo_cli.complete import offers

        if spec is None:
            return []
        return offers(spec, typed, environ, sandbox="--sandbox" in given, profiles=profiles)

    if waiting is not None:
        return offers(waiting[4], incomplete)
    name, equals, value = incomplete.partition("=")
    if equals and name in by_name:
        return [(f"{name}={each}", text) for each, text in offers(by_name[name][4], value)]
    if incomplete.startswith("-"):
        used = {name for each in given if each in by_name and not by_name[each][2] for name in by_name[each][0]}
        return [
            (name, text)
            for names, _, _, text, _ in verb["options"]
            for name in names
            if name.startswith(incomplete) and name not in used and (incomplete != "-" or name.startswith("--"))
        ]
    arguments = verb["arguments"]
    # The first that may be repeated takes all that is left.
    many = next((index for index, (repeated, _) in enumerate(arguments) if repeated), len(arguments))
    index = min(positional, many)
    return offers(arguments[index][1], incomplete) if index < len(arguments) else []


def _known(group: str, verb: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """What is kept of a group or verb; read from its declaration when nothing is, or the program has changed since."""
    from ectwo_cli.complete import read_cache

    file = cache_dir(environ) / f"words-{group}{'-' * bool(verb)}{verb}.json"
    stamp = [__version__, _changed()]
    kept = read_cache(file)
    if isinstance(kept, dict) and kept.get("stamp") == stamp:
        return kept
    from ectwo_cli.aws.cache import write_cache

    found = {"stamp": stamp, **(_read_verb(group, verb) if verb else {"verbs": _read_group(group)})}
    write_cache(file, json.dumps(found))
    return found


def _changed() -> float:
    """When the program was changed last: the newest of the files in which words are declared."""
    here = Path(__file__).parent
    times = [
        entry.stat().st_mtime
        for folder in (here, here / "commands", here / "services")
        for entry in os.scandir(folder)
        if entry.name.endswith(".py")
    ]
    return max(times)


def _read_group(group: str) -> dict[str, str]:
    import inspect

    from ectwo_cli.main import verbs

    return {
        name: (inspect.getdoc(each.callback) or "").partition("\n")[0].rstrip(".")
        for name, each in verbs(group).items()
        if not each.hidden
    }


def _read_verb(group: str, verb: str) -> dict[str, Any]:
    """Options as ``[names, takes a value, repeated, help, offer]``, arguments as ``[repeated, offer]``."""
    import inspect
    import typing

    from typer.models import ArgumentInfo, OptionInfo

    from ectwo_cli.complete import Offer
    from ectwo_cli.expand import expand
    from ectwo_cli.main import verbs

    options: list[Any] = []
    arguments: list[Any] = []
    for each in inspect.signature(expand(verbs(group)[verb].callback)).parameters.values():
        if typing.get_origin(each.annotation) is not typing.Annotated:
            continue
        plain, info, *about = typing.get_args(each.annotation)
        spec = next((offer.spec for offer in about if isinstance(offer, Offer)), None)
        many = list in (typing.get_origin(plain), *(typing.get_origin(arm) for arm in typing.get_args(plain)))
        if isinstance(info, OptionInfo) and not info.hidden:
            # In Annotated, what Typer calls the default is the first of the names.
            declared = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
            declared = declared or [f"--{each.name.replace('_', '-')}"]
            names = [part for text in declared for part in text.split("/") if part.startswith("-")]
            options.append([names, plain is not bool, many, " ".join((info.help or "").split()), spec])
        elif isinstance(info, ArgumentInfo):
            arguments.append([many, spec])
    return {"options": [*options, HELP], "arguments": arguments}
