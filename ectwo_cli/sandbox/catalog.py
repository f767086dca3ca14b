"""The public images that every region of the sandbox has, and the SSM parameters that lead to them."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from functools import cache
from typing import Any

from ectwo_cli.records import dataclass

AMAZON = "137112412989"
CANONICAL = "099720109477"
DEBIAN = "136693071363"
WINDOWS = "801119661308"
STRANGER = "444455556666"
"""An account that shares images, and is nobody's."""

ALIASES = {AMAZON: "amazon", WINDOWS: "amazon"}
"""Which owners EC2 gives an alias; the owner filters ``amazon`` and ``aws-marketplace`` mean these."""


@dataclass(frozen=True)
class Public:
    """A public image, the same in every region but for its ID."""

    name: str
    owner: str
    architecture: str
    description: str
    created: str
    size: int = 8
    root: str = "/dev/xvda"
    boot: str = "uefi-preferred"
    platform: str = "Linux/UNIX"
    parameters: tuple[str, ...] = ()

    def image_id(self, region: str) -> str:
        """The image's ID in a region."""
        return f"ami-0{_digest(f'{region}/{self.name}/ami')}"

    def snapshot_id(self, region: str) -> str:
        """The ID of its root snapshot in a region."""
        return f"snap-0{_digest(f'{region}/{self.name}/snap')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _amazon(version: str, kernel: str, arm: bool, created: str, *, latest: bool, minimal: bool = False) -> Public:
    arch = "arm64" if arm else "x86_64"
    flavour = "al2023-ami-minimal" if minimal else "al2023-ami"
    folder = "/aws/service/ami-amazon-linux-latest/"
    names: tuple[str, ...] = ()
    if latest:
        names = (f"{folder}{flavour}-kernel-{kernel}-{arch}", f"{folder}{flavour}-kernel-default-{arch}")
    return Public(
        name=f"{flavour}-{version}-kernel-{kernel}-{arch}",
        owner=AMAZON,
        architecture=arch,
        description=f"Amazon Linux 2023 {'Minimal ' if minimal else ''}AMI {version} {arch} HVM kernel-{kernel}",
        created=created,
        size=2 if minimal else 8,
        boot="uefi" if arm else "uefi-preferred",
        parameters=names,
    )


def _ubuntu(code: str, version: str, arm: bool, date: str, *, latest: bool, store: str = "hvm-ssd-gp3") -> Public:
    arch = "arm64" if arm else "amd64"
    parameters: tuple[str, ...] = ()
    if latest:
        volume = "ebs-gp3" if store.endswith("gp3") else "ebs-gp2"
        parameters = tuple(
            f"/aws/service/canonical/ubuntu/server/{release}/stable/current/{arch}/hvm/{volume}/ami-id"
            for release in (version, code)
        )
    return Public(
        name=f"ubuntu/images/{store}/ubuntu-{code}-{version}-{arch}-server-{date}",
        owner=CANONICAL,
        architecture="arm64" if arm else "x86_64",
        description=f"Canonical, Ubuntu, {version}, {arch} {code} image",
        created=f"{date[:4]}-{date[4:6]}-{date[6:]}T05:11:00Z",
        root="/dev/sda1",
        boot="uefi" if arm else "uefi-preferred",
        parameters=parameters,
    )


def _debian(release: int, arm: bool, date: str, *, latest: bool) -> Public:
    arch = "arm64" if arm else "amd64"
    parameters = (f"/aws/service/debian/release/{release}/latest/{arch}",) if latest else ()
    return Public(
        name=f"debian-{release}-{arch}-{date}-2259",
        owner=DEBIAN,
        architecture="arm64" if arm else "x86_64",
        description=f"Debian {release} ({date}-2259)",
        created=f"{date[:4]}-{date[4:6]}-{date[6:]}T11:30:00Z",
        boot="uefi" if arm else "uefi-preferred",
        parameters=parameters,
    )


def _windows(year: str, edition: str, date: str, *, latest: bool) -> Public:
    name = f"Windows_Server-{year}-English-{edition}-Base"
    return Public(
        name=f"{name}-{date}",
        owner=WINDOWS,
        architecture="x86_64",
        description=f"Microsoft Windows Server {year} {edition.replace('-', ' ')} English AMI provided by Amazon",
        created=date.replace(".", "-") + "T18:40:00Z",
        size=30,
        root="/dev/sda1",
        boot="uefi" if year == "2025" else "legacy-bios",
        platform="Windows",
        parameters=(f"/aws/service/ami-windows-latest/{name}",) if latest else (),
    )


@cache
def public_images() -> tuple[Public, ...]:
    """All of them, older builds too, so that "the newest" means something."""
    images = []
    for arm in (False, True):
        images += [
            _amazon("2023.9.20260914.0", "6.1", arm, "2026-09-12T01:22:14Z", latest=False),
            _amazon("2023.9.20261027.0", "6.1", arm, "2026-10-24T00:48:09Z", latest=True),
            _amazon("2023.9.20261027.0", "6.1", arm, "2026-10-24T00:52:41Z", latest=True, minimal=True),
            _ubuntu("jammy", "22.04", arm, "20260930", latest=True, store="hvm-ssd"),
            _ubuntu("noble", "24.04", arm, "20260821", latest=False),
            _ubuntu("noble", "24.04", arm, "20261015", latest=True),
            _ubuntu("resolute", "26.04", arm, "20261020", latest=True),
            _debian(12, arm, "20261006", latest=True),
            _debian(13, arm, "20260706", latest=False),
            _debian(13, arm, "20261012", latest=True),
        ]
    images += [
        _windows("2019", "Full", "2026.10.14", latest=True),
        _windows("2022", "Full", "2026.09.09", latest=False),
        _windows("2022", "Full", "2026.10.14", latest=True),
        _windows("2022", "Core", "2026.10.14", latest=True),
        _windows("2025", "Full", "2026.10.14", latest=True),
    ]
    return tuple(images)


def image(public: Public, region: str) -> dict[str, Any]:
    """The image as DescribeImages gives it."""
    created = datetime.fromisoformat(public.created.replace("Z", "+00:00")).astimezone(timezone.utc)
    data: dict[str, Any] = {
        "Architecture": public.architecture,
        "BlockDeviceMappings": [
            {
                "DeviceName": public.root,
                "Ebs": {
                    "DeleteOnTermination": True,
                    "SnapshotId": public.snapshot_id(region),
                    "VolumeSize": public.size,
                    "VolumeType": "gp3" if public.owner == AMAZON else "gp2",
                    "Encrypted": False,
                },
            }
        ],
        "BootMode": public.boot,
        "CreationDate": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "DeprecationTime": created.replace(year=created.year + 2).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "DeregistrationProtection": "disabled",
        "Description": public.description,
        "EnaSupport": True,
        "Hypervisor": "xen",
        "ImageId": public.image_id(region),
        "ImageLocation": f"{ALIASES.get(public.owner, public.owner)}/{public.name}",
        "ImageType": "machine",
        "ImdsSupport": "v2.0" if public.owner == AMAZON else None,
        "Name": public.name,
        "OwnerId": public.owner,
        "ImageOwnerAlias": ALIASES.get(public.owner),
        "PlatformDetails": public.platform,
        "Public": True,
        "RootDeviceName": public.root,
        "RootDeviceType": "ebs",
        "SriovNetSupport": "simple",
        "State": "available",
        "UsageOperation": "RunInstances:0002" if public.platform == "Windows" else "RunInstances",
        "VirtualizationType": "hvm",
    }
    if public.platform == "Windows":
        data["Platform"] = "windows"
    return {name: value for name, value in data.items() if value is not None}


@cache
def parameters(region: str) -> dict[str, str]:
    """The public SSM parameters of a region: name to image ID."""
    return {name: public.image_id(region) for public in public_images() for name in public.parameters}
