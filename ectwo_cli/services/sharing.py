"""Share images with accounts, organizations or everybody, and their snapshots with accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ectwo_cli.aws.calls import dry_run
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services import images, search
from ectwo_cli.services.images import Image
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.snapshots import Snapshot

ORGANIZATION = re.compile(r"arn:aws[\w-]*:organizations::\d{12}:organization/o-[a-z0-9]{10,32}")
UNIT = re.compile(r"arn:aws[\w-]*:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")


@dataclass(frozen=True)
class Audience:
    """Who may launch an image: 12-digit accounts, ARNs of organizations and of units of them, everybody."""

    accounts: Sequence[str] = ()
    organizations: Sequence[str] = ()
    units: Sequence[str] = ()
    public: bool = False

    @property
    def names(self) -> list[str]:
        """All of them as the user wrote them, sorted."""
        return sorted([*self.accounts, *self.organizations, *self.units, *(["public"] if self.public else [])])

    def permissions(self, names: Sequence[str]) -> list[dict[str, str]]:
        """Those of them that are among ``names``, as EC2's launch permissions."""
        return [
            *({"UserId": each} for each in self.accounts if each in names),
            *({"OrganizationArn": each} for each in self.organizations if each in names),
            *({"OrganizationalUnitArn": each} for each in self.units if each in names),
            *([{"Group": "all"}] if self.public and "public" in names else []),
        ]


def audience(texts: Sequence[str]) -> Audience:
    """Read ``--with`` values, comma lists too. Raises UsageError for one that is none."""
    accounts, organizations, units, public = [], [], [], False
    for text in dict.fromkeys(part.strip() for each in texts for part in each.split(",") if part.strip()):
        if re.fullmatch(r"\d{4}-\d{4}-\d{4}", text) or re.fullmatch(r"\d{12}", text):
            accounts.append(text.replace("-", ""))
        elif ORGANIZATION.fullmatch(text):
            organizations.append(text)
        elif UNIT.fullmatch(text):
            units.append(text)
        elif text == "public":
            public = True
        else:
            raise UsageError(
                f"--with {text!r} is nobody",
                hint="an account's 12 digits, the ARN of an organization or of a unit of it, or public",
            )
    if not (accounts or organizations or units or public):
        raise UsageError("share with whom?", hint="say --with ACCOUNT, --with ARN or --with public")
    return Audience(accounts, organizations, units, public)


def share(
    client: Client, items: Sequence[Image], whom: Audience, *, rehearse: bool = False
) -> Iterator[Outcome[Image]]:
    """Let them launch the images, and accounts also copy them, for which the snapshots are shared with them.

    What EC2 would refuse is refused before anything is changed. ``rehearse``: only ask whether it would be permitted.
    EC2: DescribeImageAttribute, DescribeSnapshots, ModifySnapshotAttribute, ModifyImageAttribute;
    GetImageBlockPublicAccessState; KMS: DescribeKey for encrypted snapshots.
    """
    for image in items:
        try:
            missing = sorted(set(whom.names) - set(images.permissions_of(client, image.id)))
            snapshots = _snapshots(client, image) if image.snapshot_ids else []
            _check(client, image, snapshots, whom)
            left = [(each, users) for each in snapshots if (users := _lacking(client, each.id, whom.accounts))]
            for snapshot, users in left:
                _change(client, "ModifySnapshotAttribute", rehearse, **_volume_permission(snapshot.id, "add", users))
            if missing:
                change = {"LaunchPermission": {"Add": whom.permissions(missing)}}
                _change(client, "ModifyImageAttribute", rehearse, ImageId=image.id, **change)
        except Exception as error:
            yield _failed(image, error)
        else:
            now = replace(image, public=True) if "public" in missing and not rehearse else image
            yield Outcome(now, _action(bool(missing or left), "share", rehearse))


def unshare(
    client: Client, items: Sequence[Image], whom: Audience, *, rehearse: bool = False
) -> Iterator[Outcome[Image]]:
    """Take the permissions back, those on the snapshots too where no other image needs them.

    EC2: DescribeImageAttribute, ModifyImageAttribute, DescribeSnapshotAttribute, ModifySnapshotAttribute.
    """
    for image in items:
        try:
            granted = sorted(set(whom.names) & set(images.permissions_of(client, image.id)))
            if granted:
                change = {"LaunchPermission": {"Remove": whom.permissions(granted)}}
                _change(client, "ModifyImageAttribute", rehearse, ImageId=image.id, **change)
            taken = False
            for snapshot in image.snapshot_ids if whom.accounts else ():
                shared = set(_users(client, snapshot)).intersection(whom.accounts)
                users = sorted(shared - _needed(client, image, snapshot))
                if users:
                    _change(
                        client, "ModifySnapshotAttribute", rehearse, **_volume_permission(snapshot, "remove", users)
                    )
                    taken = True
        except Exception as error:
            yield _failed(image, error)
        else:
            now = replace(image, public=False) if "public" in granted and not rehearse else image
            yield Outcome(now, _action(bool(granted or taken), "unshare", rehearse))


def _failed(image: Image, error: Exception) -> Outcome[Image]:
    # EC2's way to say that an image is somebody else's.
    if code_of(error) == "AuthFailure" and image.owner_id and image.id in str(error):
        return Outcome(image, None, f"it belongs to account {image.owner_id}, which alone may share it")
    return failed(image, error)


def _action(changed: bool, verb: str, rehearse: bool) -> str:
    if not changed:
        return "unchanged"
    return f"would {verb}" if rehearse else f"{verb}d"


def _change(client: Client, operation: str, rehearse: bool, **params: Any) -> None:
    if rehearse:
        dry_run(client, operation, **params)
    else:
        client.call(operation, **params)


def _volume_permission(snapshot: str, operation: str, users: Sequence[str]) -> dict[str, Any]:
    return {
        "SnapshotId": snapshot,
        "Attribute": "createVolumePermission",
        "OperationType": operation,
        "UserIds": list(users),
    }


def _snapshots(client: Client, image: Image) -> list[Snapshot]:
    refs = [search.ref(each, Snapshot) for each in dict.fromkeys(image.snapshot_ids)]
    return [item for _, item in search.find_refs(client, refs, Snapshot)]


def _users(client: Client, snapshot: str) -> list[str]:
    answer = client.call("DescribeSnapshotAttribute", SnapshotId=snapshot, Attribute="createVolumePermission")
    return [each["UserId"] for each in answer.get("CreateVolumePermissions", ()) if "UserId" in each]


def _lacking(client: Client, snapshot: str, accounts: Sequence[str]) -> list[str]:
    return sorted(set(accounts).difference(_users(client, snapshot))) if accounts else []


def _needed(client: Client, image: Image, snapshot: str) -> set[str]:
    """The accounts that may still launch another image that is made of the snapshot."""
    others = [each for each in images.by_snapshot(client).get(snapshot, ()) if each != image.id]
    return {name for other in others for name in images.permissions_of(client, other)}


# What EC2 would refuse


def _check(client: Client, image: Image, snapshots: Sequence[Snapshot], whom: Audience) -> None:
    """Raises EctwoError for what EC2 would refuse half-way, or in words that do not help."""
    if image.state == "pending":
        raise EctwoError("it is still being made", hint="wait until it is available")
    encrypted = [each for each in snapshots if each.encrypted]
    if encrypted and whom.public:
        raise EctwoError(f"{encrypted[0].id} is encrypted, and what is encrypted can't be public")
    for snapshot in encrypted:
        if _managed(client, snapshot.kms_key_id):
            raise EctwoError(
                f"{snapshot.id} is encrypted with the account's default key, which nobody else can use",
                hint="copy the image with a key of your own first: 'ectwo images migrate --to REGION --kms-key KEY'",
            )
    if whom.public and _blocked(client):
        raise EctwoError(
            f"block public access for images is on in {client.region}",
            hint="aws ec2 disable-image-block-public-access turns it off",
        )


def _managed(client: Client, key: str | None) -> bool:
    """Whether a key is AWS's own (aws/ebs), where KMS tells. KMS: DescribeKey."""
    if not key:
        return False
    if key.endswith("alias/aws/ebs"):
        return True
    try:
        # No retries, for with an endpoint that is for EC2 alone KMS may be out of reach; EC2 itself would refuse then.
        about: Mapping[str, Any] = client.sibling(service="kms").call_once("DescribeKey", KeyId=key)["KeyMetadata"]
    except Exception:
        return False
    return about.get("KeyManager") == "AWS"


def _blocked(client: Client) -> bool:
    """Whether new public images are blocked, where that may be known. EC2: GetImageBlockPublicAccessState."""
    try:
        answer = client.call_once("GetImageBlockPublicAccessState")
    except Exception:
        return False
    return bool(answer.get("ImageBlockPublicAccessState") == "block-new-sharing")
