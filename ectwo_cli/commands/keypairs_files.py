"""What ``ectwo keypairs`` does with files: the private key that is saved, the public one that is read."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ectwo_cli import prompt
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import EctwoError, Interrupted, SomeFailed, UsageError, nearest
from ectwo_cli.fanout import across
from ectwo_cli.keys import prints, store
from ectwo_cli.keys.public import PublicKey, read_public
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.render.screen import Screen
from ectwo_cli.services import holders, keypairs, search
from ectwo_cli.services.keypairs import TYPES, KeyPair, Spread

FORMATS = ("pem", "ppk")
LARGEST = 64 * 1024


@dataclass(frozen=True)
class Wish:
    """What ``keypairs create`` was asked for. ``save`` is where to: None the default, ``-`` stdout."""

    name: str
    kind: str
    format: str
    save: str | None
    passphrase: bool
    passphrase_file: str | None

    def check(self) -> None:
        """Raises UsageError."""
        if self.kind not in TYPES:
            raise UsageError(f"unknown --type {self.kind!r}", hint=nearest(self.kind, TYPES))
        if self.format not in FORMATS:
            raise UsageError(f"unknown --format {self.format!r}", hint=nearest(self.format, FORMATS))
        if not self.name or len(self.name) > 255 or not self.name.isascii() or self.name != self.name.strip():
            raise UsageError(
                f"bad key pair name {self.name!r}", hint="EC2 takes up to 255 ASCII characters, no spaces around them"
            )
        if self.passphrase and self.passphrase_file:
            raise UsageError("--passphrase and --passphrase-file exclude each other")

    def paths(self, key_dir: Path, clients: Sequence[Client]) -> list[Path]:
        """The files; none for stdout."""
        if self.save == "-":
            return []
        if self.save is None:
            return [store.default_file(key_dir, client.region, self.name, self.format) for client in clients]
        path = Path(self.save).expanduser()
        return [path / store.default_file(path, "", self.name, self.format).name if path.is_dir() else path]


def create_and_save(
    scope: Scope, tags: Mapping[str, str], dry_run: bool, view: ViewOptions[KeyPair], wish: Wish
) -> None:
    """``keypairs create``. Raises EctwoError before anything is created; SomeFailed when it had to be taken back.

    The private key is in its file, or on stdout, before EC2 hears of the public one.
    """
    wish.check()
    clients = scope.several()
    key_dir = scope.program.settings.key_dir
    paths = wish.paths(key_dir, clients)
    _check_names(clients, wish.name)
    for path in paths:
        if dry_run:
            store.check_likely(path)
        else:
            store.check_writable(path, own=key_dir if wish.save is None else None)
    passphrase = None if dry_run else _passphrase(scope.screen, wish)

    from ectwo_cli.keys.material import generate

    key = generate(wish.kind)
    _check_allowed(clients, wish.name, key.public, tags)
    if dry_run:
        where = ", ".join(map(search.place_of, clients))
        scope.screen.note(f"would create key pair {wish.name} in {where}, the private key in {_listed(paths)}")
        return _show(scope, view, [])
    content = key.pem(passphrase) if wish.format == "pem" else key.ppk(passphrase, comment=wish.name)
    # In a record it can't be before there is one.
    in_record = wish.save == "-" and view.format in ("json", "jsonl", "yaml")
    if wish.save == "-" and not in_record:
        scope.screen.write(content.decode())
        scope.screen.flush()
    saved = _save(paths, content)
    try:
        made = keypairs.spread(clients, wish.name, key.public, tags)
    except KeyboardInterrupt:
        raise _interrupted(wish.name, clients, paths) from None
    if made.failures:
        raise _taken_back(scope.screen, wish.name, made, saved)
    if not in_record and wish.save == "-":
        names = ", ".join(f"{item.region}/{item.id}" for item in made.made)
        return scope.screen.note(f"created key pair {wish.name}: {names}")
    for path in paths:
        scope.screen.note(f"the private key is in {path}")
    secret = {"private_key": content.decode()} if in_record else {}
    files = {client.region: str(path) for client, path in zip(clients, paths * len(clients), strict=False)}
    outcomes = [Outcome(item, "created", details={"file": files.get(item.region), **secret}) for item in made.made]
    try:
        return _show(scope, view, outcomes)
    except (OSError, SystemExit):
        if in_record:
            # Nobody has got the private key, and nobody ever would.
            keypairs.take_back_all(clients, wish.name, key.public).check()
        raise


def import_file(
    scope: Scope, tags: Mapping[str, str], dry_run: bool, view: ViewOptions[KeyPair], name: str, file: str
) -> None:
    """``keypairs import``. Raises SomeFailed when regions refused."""
    data = scope.screen.stdin.read(LARGEST).encode() if file == "-" else _read(file)
    public = read_public(data.decode("utf-8", "replace"), where="stdin" if file == "-" else file)
    clients = scope.several()

    def work(client: Client) -> list[Outcome[KeyPair]]:
        return [(keypairs.check_import_key if dry_run else keypairs.import_key)(client, name, public, tags)]

    results = across(clients, work, where=search.place_of)
    outcomes = list(results)
    _show(scope, view, outcomes)
    results.check()


def show_with_file(target: Target[KeyPair], view: ViewOptions[KeyPair], file: str | None) -> None:
    """``keypairs show``. Raises EctwoError when ``file`` is another key, or it can't be told."""
    from ectwo_cli.render.show import show_one

    item = target.item()
    key_dir = target.program.settings.key_dir
    known = [store.default_file(key_dir, item.region, item.name, format) for format in FORMATS]
    path = Path(file).expanduser() if file else next((each for each in known if each.is_file()), None)
    matches = _is_that_key(target, item, path, asked=file is not None) if path else None
    shown = {} if view.columns else {"file": str(path) if path else None, "file_matches": matches}
    show_one(target.screen, view.view(profiles=target.several_profiles), item, shown)
    if file and matches is None:
        raise EctwoError(f"it can't be told whether {path} is key pair {item.name}", hint="it needs the private key")
    if file and not matches:
        raise EctwoError(f"{path} is not key pair {item.name}")
    if matches is False:
        target.screen.warn(f"{path} is another key than this key pair's")


def show_delete_plan(scope: Scope, items: Sequence[KeyPair]) -> None:
    """What will be deleted, and which instances were launched with it."""
    from ectwo_cli.render.plan import show_plan

    key_dir = scope.program.settings.key_dir

    def look(place: tuple[Client, list[KeyPair]]) -> list[tuple[KeyPair, list[str]]]:
        client, some = place
        return [(each, _consequences(each, holders.launched_with(client, each.name), key_dir)) for each in some]

    found = across(scope.by_region(items), look, where=lambda place: search.place_of(place[0]))
    told = {(item.profile, item.region, item.id): consequences for item, consequences in found}
    rows = [(item, told.get((item.profile, item.region, item.id), [])) for item in items]
    if rows:
        show_plan(scope.screen, "These key pairs will be deleted:", rows)
    for failure in found.failures:
        scope.screen.warn(f"{failure.where} does not tell which instances were launched with them: {failure.error}")


def _consequences(item: KeyPair, users: Sequence[str], key_dir: Path) -> list[str]:
    told = []
    if users:
        were = "was" if len(users) == 1 else "were"
        told.append(f"{holders.sentence(users)} {were} launched with it and keep{'s' if len(users) == 1 else ''} it")
    files = [store.default_file(key_dir, item.region, item.name, format) for format in FORMATS]
    told += [f"the private key stays in {path}" for path in files if path.is_file()]
    return told


def _check_names(clients: Sequence[Client], name: str) -> None:
    """Raises EctwoError where there is a key pair of that name, SomeFailed where that can't be told."""
    found = across(
        clients, lambda client: [client.region] if keypairs.named(client, name) else [], where=search.place_of
    )
    regions = sorted(found)
    if regions:
        raise keypairs.taken(name, regions)
    if found.failures:
        raise SomeFailed(found.failures, some_worked=False)


def _check_allowed(clients: Sequence[Client], name: str, public: PublicKey, tags: Mapping[str, str]) -> None:
    """Raises SomeFailed where EC2 would refuse."""

    def ask(client: Client) -> list[None]:
        keypairs.check_import(client, name, public, tags)
        return []

    allowed = across(clients, ask, where=search.place_of)
    for _ in allowed:
        pass
    if allowed.failures:
        raise SomeFailed(allowed.failures, some_worked=False)


def _save(paths: Sequence[Path], content: bytes) -> list[store.Saved]:
    """All of the files, or none. Raises EctwoError."""
    saved: list[store.Saved] = []
    try:
        for path in paths:
            saved.append(store.save(path, content))  # noqa: PERF401 - those before it are to be removed again
    except EctwoError:
        _remove(saved)
        raise
    return saved


def _remove(saved: Sequence[store.Saved]) -> None:
    for each in saved:
        # One that can't be removed is the key of nothing.
        with contextlib.suppress(OSError):
            each.remove()


def _taken_back(screen: Screen, name: str, made: Spread, saved: Sequence[store.Saved]) -> EctwoError:
    """The error after a region has refused. The files go with the key pairs, or stay with what could not be deleted."""
    if made.left:
        where = ", ".join(failure.where for failure in made.left)
        kept = f"; its private key stays in {_listed([each.path for each in saved])}" if saved else ""
        screen.warn(f"key pair {name} could not be deleted again and may be in {where}{kept}")
    else:
        _remove(saved)
        screen.note(f"key pair {name} was created nowhere: all regions get it, or none")
    return SomeFailed(made.failures, some_worked=bool(made.left))


def _interrupted(name: str, clients: Sequence[Client], paths: Sequence[Path]) -> Interrupted:
    where = ",".join(client.region for client in clients)
    return Interrupted(
        f"interrupted: key pair {name} may be in {where} by now; its private key is in {_listed(paths)}",
        hint=f"see where with 'ectwo keypairs find --name {name} -r {where}'; 'ectwo keypairs delete' takes it back",
    )


def _is_that_key(target: Target[KeyPair], item: KeyPair, path: Path, *, asked: bool) -> bool | None:
    """Whether the file is that key. Raises UsageError for a file that was ``asked`` about and holds none."""
    data = keypairs.named(target.client_of(item), item.name)
    screen = target.screen

    def passphrase() -> bytes | None:
        return prompt.secret(screen, f"Passphrase of {path}:").encode() if asked and screen.can_ask else None

    try:
        key = prints.read(_read(str(path)), where=str(path), passphrase=passphrase)
    except UsageError as error:
        if asked:
            raise
        screen.warn(error.message)
        return None
    return prints.same(key, item.fingerprint, keypairs.public_of(data) if data else None)


def _passphrase(screen: Screen, wish: Wish) -> bytes | None:
    """Raises UsageError for an empty one, or two that differ; Declined when nobody can be asked."""
    if wish.passphrase_file:
        data = screen.stdin.readline() if wish.passphrase_file == "-" else _read(wish.passphrase_file).decode()
        given = data.splitlines()[0] if data else ""
    elif wish.passphrase:
        given = prompt.secret(screen, "Passphrase for the private key:", flag="--passphrase-file")
        if given != prompt.secret(screen, "Once more:", flag="--passphrase-file"):
            raise UsageError("these were two different passphrases")
    else:
        return None
    if not given:
        raise UsageError("the passphrase is empty", hint="leave it out for a key without one")
    return given.encode()


def _read(file: str) -> bytes:
    """Raises UsageError when it can't be read, or is too large for a key."""
    try:
        with open(Path(file).expanduser(), "rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"can't read {file}: {error.strerror}") from None
    if len(data) > LARGEST:
        raise UsageError(f"{file} is too large to be a key")
    return data


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths)) or "what was written to stdout"


def _show(scope: Scope, view: ViewOptions[KeyPair], outcomes: Sequence[Outcome[KeyPair]]) -> None:
    from ectwo_cli.render.show import show_outcomes

    show_outcomes(scope.screen, view.view(), outcomes)
