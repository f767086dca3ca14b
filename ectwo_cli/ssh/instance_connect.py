"""EC2 Instance Connect: a throw-away key that an instance takes for a minute."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import EctwoError
from ectwo_cli.services.instances import Instance


@contextlib.contextmanager
def throw_away_key() -> Iterator[tuple[Path, str]]:
    """A new key pair: the file of the private key, and the public one as a line. It is gone afterwards."""
    from ectwo_cli.keys import store
    from ectwo_cli.keys.material import generate

    key = generate("ed25519")
    with tempfile.TemporaryDirectory(prefix="ectwo-") as folder:
        file = Path(folder) / "key.pem"
        store.save(file, key.pem(None))
        yield file, key.public.line


def push(client: Client, item: Instance, user: str, public: str) -> None:
    """Let ``user`` of the instance take the key for 60 seconds. EC2 Instance Connect: SendSSHPublicKey.

    Raises EctwoError when that service is not to be had here, botocore's errors when it refuses.
    """
    there = client.sibling(service="ec2-instance-connect")
    if not client.goes_along_with(there):
        raise EctwoError("EC2 Instance Connect is not at this endpoint")
    there.call(
        "SendSSHPublicKey",
        InstanceId=item.id,
        InstanceOSUser=user,
        SSHPublicKey=public,
        AvailabilityZone=item.zone,
    )
