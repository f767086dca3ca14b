"""What went wrong, to the user: every error of the program ends here. Imported only when something failed."""

from __future__ import annotations

import re
from collections.abc import Callable

from ectwo_cli.aws.explain import explain
from ectwo_cli.errors import EctwoError, Failure, SomeFailed, nearest
from ectwo_cli.render.screen import BROKEN_PIPE, Screen


def report(error: BaseException, screen: Screen) -> int:
    """Say it on stderr and give the exit code."""
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    if isinstance(error, SystemExit):
        if isinstance(error.__context__, BrokenPipeError):
            # Of a help text: Click says 1 then.
            return BROKEN_PIPE
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, KeyboardInterrupt):
        screen.note("interrupted")
        return 130
    from typer import Abort, Exit
    from typer._click.exceptions import ClickException

    if isinstance(error, Exit):
        return int(error.exit_code)
    if isinstance(error, Abort):
        screen.note("interrupted")
        return 130
    if isinstance(error, ClickException):
        _usage(error, screen)
        return int(error.exit_code)
    if isinstance(error, SomeFailed):
        return _several(error, screen)
    told = explain(error)
    if told.message:
        screen.error(told.message, code=told.code, hint=told.hint)
    return told.exit_code


def trace(error: BaseException, screen: Screen) -> None:
    """The traceback, for --debug, secrets redacted."""
    import traceback

    from ectwo_cli.aws.debug import redacted

    screen.stderr.write(redacted("".join(traceback.format_exception(error))))
    for each in error.failures if isinstance(error, SomeFailed) else ():
        trace(each.error, screen)


def _usage(error: object, screen: Screen) -> None:
    from typer._click.exceptions import NoArgsIsHelpError

    message = str(getattr(error, "format_message", lambda: error)())
    context = getattr(error, "ctx", None)
    if isinstance(error, NoArgsIsHelpError):
        # No arguments at all: the message is the help.
        screen.stderr.write(message + "\n")
        return
    hint = f"see '{context.command_path} --help'" if context else None
    # Click's own suggestions are the hint.
    found = re.search(r"\s*\(?(?:Possible options: |Did you mean )([^)?]*)\)?\??\s*\Z", message)
    if found:
        message = message[: found.start()]
        hint = nearest(message.split()[-1].strip("'"), re.findall(r"[^\s,']+", found.group(1)))
    screen.error(message[:1].lower() + message[1:].rstrip("."), hint=hint)


def _several(error: SomeFailed, screen: Screen) -> int:
    """One line for each different error, with all the places that it came from."""
    grouped: dict[tuple[str, str | None, str | None], list[Failure]] = {}
    told: list[EctwoError] = []
    for failure in error.failures:
        each = _explained(failure)
        told.append(each)
        # The region's own endpoint in a message does not make it another error.
        place = getattr(failure.place, "region", failure.where)
        said = each.message.replace(place, "REGION") if place else each.message
        grouped.setdefault((said, each.code, each.hint), []).append(failure)
    for (_, code, hint), failures in grouped.items():
        each = _explained(failures[0])
        names = sorted(failure.where for failure in failures)
        if not error.some_worked and len(grouped) == 1 < len(names):
            where = f"{len(names)} regions"
        else:
            where = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        screen.error(each.message, code=code, hint=hint, where=where or None)
    codes = {each.exit_code for each in told}
    if error.some_worked:
        return error.exit_code
    return codes.pop() if len(codes) == 1 else 1


def _explained(failure: Failure) -> EctwoError:
    profile = getattr(failure.place, "profile", None)
    return explain(failure.error, decode=decoder(failure.place), profile=profile)


def decoder(place: object) -> Callable[[str], str | None] | None:
    """What makes an encoded authorization failure of ``place`` readable. STS: DecodeAuthorizationMessage."""
    from ectwo_cli.aws.session import Client

    if not isinstance(place, Client):
        return None
    client = place.sibling(service="sts")

    def decode(encoded: str) -> str | None:
        import json

        try:
            answer = client.call("DecodeAuthorizationMessage", EncodedMessage=encoded)
            about = json.loads(answer["DecodedMessage"])
            context = about["context"]
            why = "an explicit deny" if about.get("explicitDeny") else "no permission"
            return f"({why} for {context['action']} on {context.get('resource', '*')})"
        except Exception:
            # Who may not do the one thing often may not ask about it either.
            return None

    return decode
