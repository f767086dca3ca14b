"""``ectwo keypairs``."""

from __future__ import annotations

import typer

from ectwo_cli.options import Listing, Properties, Raw, Target, ViewOptions
from ectwo_cli.services.keypairs import KeyPair

app = typer.Typer()


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
def show(target: Target[KeyPair], view: ViewOptions[KeyPair], names: Properties = None, raw: Raw = False) -> None:
    """Show one key pair.

    \b
      ectwo keypairs show us-east-1/deploy
      ectwo keypairs show deploy fingerprint
    """
    target.show(view, names or [], raw=raw)
