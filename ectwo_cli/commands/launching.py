"""A launch from question to result, for all verbs that launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import Declined, Interrupted, NotFound, Partial, UsageError
from ectwo_cli.model import Raw
from ectwo_cli.options.acting import Consent, Waiting
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.records import dataclass
from ectwo_cli.services import search
from ectwo_cli.services.instances import Instance

if TYPE_CHECKING:
    from ectwo_cli.launch.facts import Facts
    from ectwo_cli.launch.wanted import Problem, Wanted
    from ectwo_cli.outcome import Outcome
    from ectwo_cli.services.costs import Costs
    from ectwo_cli.services.waiting import Sight

NAMED = 5
"""So many instances get a line on how to log in; of more, only the first."""


@dataclass(frozen=True)
class Ready:
    """A launch that has passed all checks. ``warnings`` have been said."""

    wanted: Wanted
    facts: Facts
    warnings: Sequence[Problem]


@dataclass(frozen=True)
class First:
    """What has to be made before a launch: ``steps`` in words, and what makes it."""

    steps: Sequence[str]
    do: Callable[[], Ready]


def client_for(scope: Scope, image: str | None) -> Client:
    """Where to launch: the region in front of the image, else the one that --region or the settings say."""
    from ectwo_cli.launch.image import read

    said = read(image) if image is not None else None
    if said is None or said.region is None:
        return scope.one()
    if len(scope.accounts) > 1:
        raise UsageError("this needs exactly one profile")
    if scope.region and said.region not in scope.regions_of(scope.accounts[0]):
        raise UsageError(f"--region does not mean {said.region}, where {image} is")
    return scope.accounts[0].client(said.region)


def prepare(
    scope: Scope,
    client: Client,
    wanted: Wanted,
    *,
    ask: bool,
    found: Raw | None = None,
    pretend: Callable[[Facts], Facts] = lambda facts: facts,
) -> Ready:
    """Ask for what is missing (where somebody is there and ``ask`` allows), then check everything.

    ``found`` is the image where it is known; ``pretend`` adds to the facts what will be there once it is launched.

    All problems are reported at once, each with its fix. Raises what they agree on, UsageError for what is missing.
    """
    from ectwo_cli.launch.gather import gather
    from ectwo_cli.launch.preflight import check

    screen = scope.screen
    if ask and screen.can_ask:
        from ectwo_cli.commands.launch_questions import complete

        wanted, found = complete(screen, client, wanted, found)
    if wanted.image is None and found is None:
        raise UsageError(
            "which image?",
            hint="say --image: an ID, the name of an own image, OWNER/NAME-GLOB, or an alias such as al2023",
        )
    wanted, facts = gather(client, wanted, now=scope.program.now, found=found)
    if isinstance(facts.image_error, NotFound):
        facts = replace(facts, image_error=_elsewhere(scope, client, str(wanted.image), facts.image_error))
    facts = pretend(facts)
    problems = check(wanted, facts)
    report(scope, problems)
    return Ready(wanted, facts, [problem for problem in problems if problem.warning])


def report(scope: Scope, problems: Sequence[Problem]) -> None:
    """Say them all, each with its fix. Raises what they agree on, unless they are warnings."""
    from ectwo_cli.launch.preflight import failure

    screen = scope.screen
    for problem in problems:
        if problem.warning:
            screen.warn(problem.message)
            if problem.fix and not screen.quiet:
                screen.hint(problem.fix)
        else:
            screen.error(problem.message, hint=problem.fix)
    failed = failure(problems)
    if failed is not None:
        raise failed


def _elsewhere(scope: Scope, client: Client, image: str, error: NotFound) -> NotFound:
    """The error for an image that is not there; with where it is, when it is one of another region."""
    from ectwo_cli.launch.image import read
    from ectwo_cli.services.images import Image

    said = read(image)
    wanted = said.id or (said.name if said.owner is None else None)
    if wanted is None:
        return error
    everywhere = replace(scope, region=[], exclude_region=[])
    found = search.look_up([search.ref(wanted, Image)], everywhere.clients, Image).items
    if not found:
        return error
    first = found[0]
    return NotFound(
        f"{error.message}: it is in {', '.join(each.region for each in found)}",
        hint=f"launch it there, with --image {first.region}/{first.id}, or copy it: "
        f"'ectwo images migrate {first.region}/{first.id} --to {client.region}'",
    )


def launch(
    scope: Scope,
    client: Client,
    ready: Ready,
    consent: Consent,
    waiting: Waiting,
    until: str,
    view: ViewOptions[Instance],
    *,
    first: First | None = None,
) -> None:
    """Show it, ask, launch, wait, and tell how to log in. Raises Partial when there was no room for all.

    ``first`` is done once it is agreed to, and gives the launch with what was made.
    """
    from ectwo_cli.aws.calls import dry_run
    from ectwo_cli.follow import outcomes
    from ectwo_cli.launch.request import run_instances
    from ectwo_cli.launch.run import launch as run
    from ectwo_cli.outcome import Outcome
    from ectwo_cli.render.show import show_outcomes

    screen, wanted = scope.screen, ready.wanted
    shown = view.view(profiles=scope.several_profiles)
    asks = screen.can_ask and not consent.yes
    if consent.dry_run or asks:
        summary(scope, client, ready, first.steps if first else ())
    request = run_instances(wanted, ready.facts)
    if consent.dry_run and first is not None:
        screen.note("EC2 can't be asked about the launch before that is made; nothing was done")
        show_outcomes(screen, shown, [])
        return
    if consent.dry_run:
        dry_run(client, "RunInstances", **request, MinCount=wanted.count, MaxCount=wanted.count)
        screen.note("EC2 would permit it; nothing was launched")
        show_outcomes(screen, shown, [])
        return
    if asks:
        from ectwo_cli import prompt

        if not prompt.confirm(screen, "Launch it?" if wanted.count == 1 else f"Launch {wanted.count} instances?"):
            raise Declined("not done")
    if first is not None:
        ready = first.do()
        request = run_instances(ready.wanted, ready.facts)
    try:
        made = run(client, request, wanted.count)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted while EC2 was asked to launch, so it may well have done so",
            hint=f"see it with: ectwo instances find -r {client.region} --image {request['ImageId']} --newer-than 10m",
        ) from None
    ended: list[Sight[Instance]] = []
    done = [Outcome(item, "launched") for item in made.instances]
    if not waiting.no_wait:
        ended = wait(scope, client, made.instances, until, waiting)
        done = outcomes([replace(sight, action="launched") for sight in ended])
    show_outcomes(screen, shown, done)
    how_to_log_in(scope, [each.item for each in done if not each.failed])
    _finish(scope, wanted, done, made.short, ended, until)


def _finish(
    scope: Scope,
    wanted: Wanted,
    done: Sequence[Outcome[Instance]],
    short: BaseException | None,
    ended: Sequence[Sight[Instance]],
    until: str,
) -> None:
    from ectwo_cli.errors import EctwoError
    from ectwo_cli.follow import check_time

    failed = [each for each in done if each.failed]
    if short is not None:
        from ectwo_cli.aws.explain import explain

        told = explain(short)
        scope.screen.error(
            f"only {len(done)} of {wanted.count} instances were launched: {told.message}",
            code=told.code,
            hint=told.hint,
        )
    check_time(ended, verb="starting", again=lambda late: _again(scope, late, until))
    if failed and len(failed) == len(done):
        raise EctwoError("")
    if failed or short is not None:
        raise Partial("")


def wait(
    scope: Scope, client: Client, items: Sequence[Instance], until: str, waiting: Waiting
) -> list[Sight[Instance]]:
    """Wait until they run, or with ``until`` ok until their status checks pass; one line each."""
    from ectwo_cli.follow import follow
    from ectwo_cli.services import goals
    from ectwo_cli.services import waiting as engine

    look = goals.checks() if until == "ok" else None
    limit = waiting.limit or engine.LIMIT
    sights = engine.wait([(client, items)], goals.until(until), look=look, limit=limit)
    return follow(scope.screen, sights, verb="starting", again=lambda late: _again(scope, late, until))


def _again(scope: Scope, late: Sequence[Sight[Any]], until: str) -> str:
    return scope.command("instances wait", [each.item for each in late], "--until", until)


def how_to_log_in(scope: Scope, items: Sequence[Instance]) -> None:
    """A line an instance on stderr: where it is, and the command that logs in."""
    running = [each for each in items if each.state == "running"]
    for item in running[:NAMED] if len(running) <= NAMED else running[:1]:
        address = item.public_ip or item.private_ip
        label = item.name or item.id
        if item.platform == "windows":
            scope.screen.note(
                f"{label} is at {address}; its password: 'aws ec2 get-password-data --region "
                f"{item.region} --instance-id {item.id} --priv-launch-key KEYFILE', in some minutes"
            )
            continue
        via = () if item.public_ip else ("--via", "HOST")
        scope.screen.note(f"{label} is at {address}: {scope.command('instances ssh', [item], *via)}")


def summary(
    scope: Scope,
    client: Client,
    ready: Ready,
    steps: Sequence[str] = (),
    *,
    title: str | None = None,
    prices: str | None = None,
) -> None:
    """What is going to be launched, on stderr; ``prices`` where they are known already."""
    import sys

    from ectwo_cli.launch.summary import lines
    from ectwo_cli.render.sheet import wrapped
    from ectwo_cli.render.text import escaped

    wanted, facts = ready.wanted, ready.facts
    screen = scope.screen
    what = "1 instance" if wanted.count == 1 else f"{wanted.count} instances"
    screen.say(screen.paint(f"{title or f'Launch {what}'} in {escaped(client.region)}:", "1"))
    told = [("first", step) for step in steps]
    told += lines(wanted, facts, prices=prices or _prices(scope, client, wanted, facts))
    left = max(len(name) for name, _ in told)
    room = screen.width - left - 4 if screen.err_is_terminal else sys.maxsize
    for name, value in told:
        first, *rest = wrapped(escaped(value), room)
        screen.say(f"  {screen.paint(f'{name:<{left}}', '1')}  {first}")
        for line in rest:
            screen.say(f"  {'':<{left}}  {line}")


def _prices(scope: Scope, client: Client, wanted: Wanted, facts: Facts) -> str | None:
    """What an hour costs, where that can be found out: it is nice to know, and no more."""
    from ectwo_cli.launch.summary import price_words

    found = costs_of(scope, client, wanted, facts)
    return price_words(found.on_demand, [each.price for each in found.spot], wanted)


def costs_of(scope: Scope, client: Client, wanted: Wanted, facts: Facts) -> Costs:
    """The prices where it may land."""
    from ectwo_cli.launch.placement import placement
    from ectwo_cli.services.costs import costs

    zone = placement(wanted, facts).zone
    spot = wanted.market is not None
    return costs(client, wanted.type or "", facts.image or {}, spot=spot, zone=zone, now=scope.program.now)
