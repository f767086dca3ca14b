"""The KMS keys of the sandbox: which there are, how they are named, and which of them EBS can use.

Besides the AWS-managed ``alias/aws/ebs``, every region of the seed has a few of a customer: a good one, one that is
disabled, one that waits for its deletion, and one that EC2 has no grant for.
"""

from __future__ import annotations

import hashlib

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox.world import Region

MANAGED = "aws/ebs"


@dataclass(frozen=True)
class Key:
    """A KMS key of a region; ``usable`` says whether EBS copies under it succeed."""

    id: str
    arn: str
    alias: str
    state: str = "Enabled"
    spec: str = "SYMMETRIC_DEFAULT"
    manager: str = "CUSTOMER"
    granted: bool = True

    @property
    def usable(self) -> bool:
        """Whether EBS can encrypt with it."""
        return self.state == "Enabled" and self.spec == "SYMMETRIC_DEFAULT" and self.granted


def keys_of(here: Region) -> list[Key]:
    """The keys of a region."""
    return [
        _key(here, MANAGED, manager="AWS"),
        _key(here, "team"),
        _key(here, "backup"),
        _key(here, "disabled", state="Disabled"),
        _key(here, "doomed", state="PendingDeletion"),
        _key(here, "asymmetric", spec="RSA_2048"),
        _key(here, "no-grant", granted=False),
    ]


def _key(
    here: Region,
    alias: str,
    *,
    state: str = "Enabled",
    spec: str = "SYMMETRIC_DEFAULT",
    manager: str = "CUSTOMER",
    granted: bool = True,
) -> Key:
    text = hashlib.sha256(f"{here.account}/{here.name}/{alias}".encode()).hexdigest()
    key_id = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
    return Key(
        id=key_id,
        arn=f"arn:aws:kms:{here.name}:{here.account}:key/{key_id}",
        alias=f"alias/{alias}",
        state=state,
        spec=spec,
        manager=manager,
        granted=granted,
    )


def find(here: Region, name: str | None) -> Key | None:
    """The key of that ID, ARN, alias or alias ARN; the AWS-managed one of EBS for None."""
    wanted = name or f"alias/{MANAGED}"
    for key in keys_of(here):
        alias_arn = f"arn:aws:kms:{here.name}:{here.account}:{key.alias}"
        if wanted in (key.id, key.arn, key.alias, alias_arn):
            return key
    return None


def arn(here: Region, name: str | None) -> str:
    """The ARN of a key. One that does not exist is named all the same: EC2 takes it, and fails later."""
    key = find(here, name)
    if key:
        return key.arn
    return name if name and name.startswith("arn:") else f"arn:aws:kms:{here.name}:{here.account}:key/{name}"


def trouble(here: Region, name: str | None) -> str | None:
    """What the snapshot's StateMessage will be when EBS uses that key; None when it works."""
    key = find(here, name)
    if key is None or not key.usable:
        return "Given key ID is not accessible"
    return None
