"""``ectwo keypairs``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli import errors
from ectwo_cli.expand import ACT, OUTPUT
from ectwo_cli.model import R
from ectwo_cli.options.acting import Consent, DryRun, Tagging, carry_out
from ectwo_cli.options.declared import Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target, Targets
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.records import dataclass
from ectwo_cli.services import keypairs
from ectwo_cli.services.keypairs import KeyPair

app = typer.Typer()


@dataclass(frozen=True)
class Kept(Report[R]):
    """How a new key pair is shown: where its private key is, is a column as well."""

    own = (*Report.own, "file")


@app.command()
def find(search: Listing[KeyPair], view: ViewOptions[KeyPair]) -> None:
    """Find key pairs in all regions at once.

    \b
      ectwo keypairs find
      ectwo keypairs find --name 'deploy*' --type ed25519
      ectwo keypairs find --older-than 365d
    """
    search.list_into(view)


@app.command()
def show(
    target: Target[KeyPair],
    view: ViewOptions[KeyPair],
    names: Properties = None,
    raw: Raw = False,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="Is this file, private or public, that key?", rich_help_panel=OUTPUT
        ),
    ] = None,
) -> None:
    """Show one key pair, and whether a file is that key.

    \b
      ectwo keypairs show us-east-1/deploy
      ectwo keypairs show deploy fingerprint
      ectwo keypairs show deploy --file ~/.ssh/id_ed25519.pub

    The file is compared by EC2's fingerprint and public key; without --file the one that 'keypairs create' saved, where
    there is one. --file with another key is exit code 1.
    """
    from ectwo_cli.commands.keypairs_files import show_with_file

    if raw or names:
        if file:
            raise errors.UsageError("--file goes with neither --raw nor properties")
        return target.show(view, names or [], raw=raw)
    return show_with_file(target, view, file)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    scope: Scope,
    tagging: Tagging,
    rehearsal: DryRun,
    view: Kept[KeyPair],
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="ed25519, or rsa (for Windows).", rich_help_panel=ACT)
    ] = "ed25519",
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="pem, or ppk for PuTTY.", rich_help_panel=ACT)
    ] = "pem",
    save: Annotated[
        str | None,
        typer.Option("--save", metavar="PATH", help="Where the private key goes; - is stdout.", rich_help_panel=ACT),
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase.", rich_help_panel=ACT)
    ] = False,
    passphrase_file: Annotated[
        str | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Read it from a file; - is stdin.", rich_help_panel=ACT),
    ] = None,
) -> None:
    """Create a key pair and save the private key.

    \b
      ectwo keypairs create deploy -r us-east-1
      ectwo keypairs create deploy -r us-east-1,eu-west-1 --passphrase
      ectwo keypairs create win -r eu-west-1 --type rsa --format ppk --save ~/win.ppk
      ectwo keypairs create ci -r us-east-1 --save - | vault kv put secret/ci key=-

    The key is made on this machine and only its public half goes to EC2, after the private one is in its file: mode
    600, in ~/.ssh/ectwo/REGION/NAME.pem unless --save says otherwise, and never over a file that is there. Several
    regions get the same key, all of them or none.
    """
    from ectwo_cli.commands.keypairs_files import Wish, create_and_save

    wish = Wish(name, kind, format, save, passphrase, passphrase_file)
    create_and_save(scope, tagging.tags, rehearsal.dry_run, view, wish)


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE.pub", help="The public key: OpenSSH, RFC 4716, PEM; - is stdin.")
    ],
    scope: Scope,
    tagging: Tagging,
    rehearsal: DryRun,
    view: Report[KeyPair],
) -> None:
    """Import a public key, into any number of regions.

    \b
      ectwo keypairs import me ~/.ssh/id_ed25519.pub -r us-east-1
      ectwo keypairs import me ~/.ssh/id_ed25519.pub -r '*'

    Where it is already, that is success; another key of that name is left alone.
    """
    from ectwo_cli.commands.keypairs_files import import_file

    import_file(scope, tagging.tags, rehearsal.dry_run, view, name, file)


@app.command()
def delete(selected: Targets[KeyPair], consent: Consent, view: Report[KeyPair]) -> None:
    """Delete key pairs. Instances that were launched with them keep the key.

    \b
      ectwo keypairs delete us-east-1/deploy
      ectwo keypairs delete --name 'ci-*' --older-than 90d

    Files of private keys stay.
    """
    from ectwo_cli.commands.keypairs_files import show_delete_plan

    selection = selected.select()
    show_delete_plan(selected, selection.items)
    if consent.dry_run:
        return carry_out(selected, view, selection, keypairs.check_delete)
    if selection.items:
        consent.require(
            f"Delete {len(selection.items)} key {'pair' if len(selection.items) == 1 else 'pairs'}?",
            count=len(selection.items),
            everything=selection.everything,
            ambiguous=selection.ambiguous,
        )
    return carry_out(selected, view, selection, keypairs.delete)
