"""Key pairs."""

from __future__ import annotations

from datetime import datetime

from ectwo_cli.model import Regional, column, resource, tags_of

TYPES = ("ed25519", "rsa")


# A key pair may well be named key-web, so a TARGET that begins so can be either: both are looked for.
@resource(
    "key pair",
    id_prefix="key-",
    operation="DescribeKeyPairs",
    items="KeyPairs[]",
    page_size=None,
    lookup=("name", "id"),
    created="created_at",
)
class KeyPair(Regional):
    """A key pair. EC2: DescribeKeyPairs."""

    name: str = column("KeyName", filter="key-name", default=True, option="--name", help="its name")
    id: str = column("KeyPairId", filter="key-pair-id", default=True, help="the ID, key-...")
    type: str | None = column("KeyType", default=True, option="--type", values=TYPES, help="the kind of key")
    fingerprint: str | None = column(
        "KeyFingerprint",
        filter="fingerprint",
        default=True,
        option="--fingerprint",
        help="the fingerprint as EC2 tells it",
    )
    created_at: datetime | None = column("CreateTime", default=True, help="when it was created or imported")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")
