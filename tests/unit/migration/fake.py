"""A scripted EC2 in memory with a clock of its own: slow copies, percents that come late, limits, tokens, late
visibility.

It checks what EC2 checks, keeps a log of the calls, and can be told to fail, to act and not to answer, or to die.
"""

# ruff: noqa: N802 -- the methods are named after EC2's operations
from __future__ import annotations

import copy as copies
import fnmatch
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from ectwo_cli.migration.cloud import Answer

ACCOUNT = "111122223333"
GIB = 1024**3
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Killed(BaseException):
    """The program died here."""


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def today(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)


def error(code: str, message: str = "", operation: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation or "Any",
    )


def lost() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://ec2.test")


@dataclass
class Region:
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    recycle_bin: bool = False
    encrypts: bool = False
    default_key: str = "alias/aws/ebs"


@dataclass
class FakeEC2:
    """All regions. ``speed`` is bytes a second of each snapshot; ``before`` and ``after`` surround each call."""

    clock: FakeClock = field(default_factory=FakeClock)
    speed: float = GIB / 10
    first_percent_after: float = 3.0
    snapshots_after: float = 1.0
    finalizes_for: float = 4.0
    visible_after: float = 0.0
    image_slots: int = 300
    snapshot_slots: int = 20
    bad_keys: set[str] = field(default_factory=set)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: Callable[[str, str, int], str | None] = lambda source, region, nth: None
    before: Callable[[int, str, str, Mapping[str, Any]], None] = lambda nth, region, operation, params: None
    after: Callable[[int, str, str, Mapping[str, Any]], None] = lambda nth, region, operation, params: None
    regions: dict[str, Region] = field(default_factory=lambda: defaultdict(Region))
    log: list[tuple[float, str, str, Mapping[str, Any]]] = field(default_factory=list)
    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    most_flying: Counter[str] = field(default_factory=Counter)
    page: int = 1000
    serial: int = 0

    # Setting the scene

    def id(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}-{self.serial:017x}"

    def stamp(self) -> str:
        return self.clock.today().strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def add_snapshot(self, region: str, gib: int = 1, **more: Any) -> str:
        id = self.id("snap")
        self.regions[region].snapshots[id] = {
            "SnapshotId": id,
            "State": "completed",
            "Progress": "100%",
            "VolumeSize": gib,
            "FullSnapshotSizeInBytes": gib * GIB,
            "OwnerId": ACCOUNT,
            "StartTime": self.clock.today(),
            "StorageTier": "standard",
            "Encrypted": False,
            "Tags": [],
            "Description": "",
            **more,
        }
        return id

    def add_image(
        self, region: str, name: str, gibs: tuple[int, ...] = (1,), snapshots: list[str] | None = None, **more: Any
    ) -> str:
        id = self.id("ami")
        ids = snapshots if snapshots is not None else [self.add_snapshot(region, gib) for gib in gibs]
        self.regions[region].images[id] = {
            "ImageId": id,
            "Name": name,
            "Description": "",
            "State": "available",
            "OwnerId": ACCOUNT,
            "CreationDate": self.stamp(),
            "Architecture": "x86_64",
            "VirtualizationType": "hvm",
            "RootDeviceType": "ebs",
            "RootDeviceName": "/dev/sda1",
            "EnaSupport": True,
            "Tags": [],
            "BlockDeviceMappings": [
                {
                    "DeviceName": f"/dev/sd{chr(97 + n)}1",
                    "Ebs": {
                        "SnapshotId": snap,
                        "VolumeSize": self.regions[region].snapshots[snap]["VolumeSize"],
                        "VolumeType": "gp3",
                        "DeleteOnTermination": True,
                    },
                }
                for n, snap in enumerate(ids)
            ],
            **more,
        }
        return id

    def client(self, region: str, service: str = "ec2") -> FakeClient:
        return FakeClient(self, region, service)

    def calls(self, operation: str | None = None) -> list[tuple[float, str, str, Mapping[str, Any]]]:
        return [call for call in self.log if operation in (None, call[2])]

    # Time

    def settle(self) -> None:
        """Bring everything to where it is now."""
        now = self.clock.now()
        for region in self.regions.values():
            for snapshot in region.snapshots.values():
                self._settle_snapshot(snapshot, now)
            for image in region.images.values():
                self._settle_image(region, image, now)

    def _settle_snapshot(self, snapshot: dict[str, Any], now: float) -> None:
        job = snapshot.get("_job")
        if not job or snapshot["State"] != "pending":
            return
        age = now - job["began"]
        if job["fails"] and age >= job["fails_after"]:
            snapshot["State"], snapshot["StateMessage"] = "error", job["fails"]
            return
        done = min(1.0, age * self.speed / max(1, job["bytes"]))
        if job["fails"] or age < self.first_percent_after:
            snapshot.pop("Progress", None)
            return
        snapshot["Progress"] = f"{int(done * 100)}%"
        if done >= 1.0:
            snapshot["State"] = "completed"
            job["ended"] = now

    def _settle_image(self, region: Region, image: dict[str, Any], now: float) -> None:
        job = image.get("_job")
        if not job or image["State"] != "pending":
            return
        parts = [region.snapshots[id] for id in job["snapshots"] if id in region.snapshots]
        if any(part["State"] == "error" for part in parts):
            image["State"] = "failed"
            image["StateReason"] = {
                "Code": "Client.InternalError",
                "Message": "Copy image failed with an internal error.",
            }
        elif job["fails"] and now - job["began"] >= 6.0:
            image["State"] = "failed"
            image["StateReason"] = {"Code": "Server.InternalError", "Message": job["fails"]}
        elif all(part["State"] == "completed" for part in parts):
            ended = max([part["_job"]["ended"] for part in parts if "_job" in part], default=job["began"])
            if now >= ended + self.finalizes_for:
                image["State"] = "available"
                for device, id in zip(
                    [d for d in image["BlockDeviceMappings"] if "Ebs" in d], job["snapshots"], strict=True
                ):
                    device["Ebs"]["SnapshotId"] = id

    # The calls

    def call(self, region: str, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        nth = len(self.log)
        self.log.append((self.clock.now(), region, operation, copies.deepcopy(dict(params))))
        self.before(nth, region, operation, params)
        self.settle()
        if service == "ec2" and params.get("DryRun"):
            raise error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", operation, 412)
        answer = getattr(self, f"do_{operation}")(region, self.regions[region], dict(params))
        self.after(nth, region, operation, params)
        return copies.deepcopy(_public(answer))

    def _visible(self, raw: Mapping[str, Any]) -> bool:
        return "_job" not in raw or self.clock.now() - raw["_job"]["called"] >= self.visible_after

    def do_GetCallerIdentity(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        return {"Account": ACCOUNT}

    def do_DescribeImages(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        if "ImageIds" in params:
            [id] = params["ImageIds"]
            if id in region.gone:
                raise error("InvalidAMIID.Unavailable", f"The image ID '{id}' is no longer available", "DescribeImages")
            if id not in region.images or not self._visible(region.images[id]):
                raise error("InvalidAMIID.NotFound", f"The image id '[{id}]' does not exist", "DescribeImages")
            return {"Images": [region.images[id]]}
        found = [raw for raw in region.images.values() if self._visible(raw)]
        if params.get("Owners") == ["self"]:
            found = [raw for raw in found if raw["OwnerId"] == ACCOUNT]
        return self._paged("Images", _filtered(found, params, "ImageId"), params)

    def do_DescribeSnapshots(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        assert "SnapshotIds" not in params
        now = self.clock.now()
        found = [
            raw
            for raw in region.snapshots.values()
            if self._visible(raw) and ("_job" not in raw or now >= raw["_job"]["shown"])
        ]
        return self._paged("Snapshots", _filtered(found, params, "SnapshotId"), params)

    def _paged(self, items: str, found: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
        assert "MaxResults" in params, "always paginate"
        start = int(params.get("NextToken") or 0)
        size = min(self.page, params["MaxResults"])
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {items: found[start : start + size], **more}

    def do_CopyImage(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        token = params.pop("ClientToken")
        shape = repr(sorted(params.items()))
        assert re.fullmatch(r"[!-~]{1,64}", token)
        if token in region.tokens:
            known, id = region.tokens[token]
            if known != shape:
                raise error("IdempotentParameterMismatch", "The same token with other parameters.", "CopyImage")
            return {"ImageId": id}
        source = self.regions[params["SourceRegion"]].images.get(params["SourceImageId"])
        if source is None or source["State"] != "available":
            raise error(
                "InvalidAMIID.NotFound", f"The image id '[{params['SourceImageId']}]' does not exist", "CopyImage"
            )
        self._check(params)
        flying = sum(raw["State"] == "pending" for raw in region.images.values())
        if flying >= self.image_slots:
            raise error(
                "ResourceLimitExceeded",
                f"Too many AMI copies in progress. The limit is {self.image_slots} for this destination region.",
                "CopyImage",
            )
        self.most_flying[name] = max(self.most_flying[name], flying + 1)
        id = self.id("ami")
        region.tokens[token] = (shape, id)
        nth = self.made[(source["ImageId"], name)] = self.made[(source["ImageId"], name)] + 1
        now = self.clock.now()
        trouble = self.fails(source["ImageId"], name, nth)
        tags = {spec["ResourceType"]: spec["Tags"] for spec in params.get("TagSpecifications", ())}
        parts = []
        for device in source["BlockDeviceMappings"]:
            if "SnapshotId" not in device.get("Ebs", {}):
                continue
            origin = self.regions[params["SourceRegion"]].snapshots[device["Ebs"]["SnapshotId"]]
            text = (
                f"Copied for DestinationAmi {id} from SourceAmi {source['ImageId']} "
                f"for SourceSnapshot {origin['SnapshotId']}. Task created on 1,700,000,000,000."
            )
            parts.append(self._copy_of(region, origin, params, tags.get("snapshot", []), text, trouble))
        image = copies.deepcopy(
            {key: value for key, value in source.items() if key not in {"Tags", "_job", "SourceInstanceId"}}
        )
        for device in image["BlockDeviceMappings"]:
            device.get("Ebs", {}).pop("SnapshotId", None)
        image.update(
            ImageId=id,
            Name=params["Name"],
            Description=params.get("Description", ""),
            State="pending",
            CreationDate=self.stamp(),
            OwnerId=ACCOUNT,
            Tags=list(tags.get("image", [])),
            SourceImageId=source["ImageId"],
            SourceImageRegion=params["SourceRegion"],
            _job={"began": now, "called": now, "snapshots": parts, "fails": trouble if not parts else None},
        )
        for key in ("DeprecationTime", "DeregistrationProtection", "_permissions"):
            image.pop(key, None)
        region.images[id] = image
        return {"ImageId": id}

    def do_CopySnapshot(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        source = self.regions[params["SourceRegion"]].snapshots.get(params["SourceSnapshotId"])
        if source is None:
            raise error("InvalidSnapshot.NotFound", "", "CopySnapshot")
        self._check(params)
        flying = sum(raw["State"] == "pending" for raw in region.snapshots.values())
        if flying >= self.snapshot_slots:
            raise error(
                "ResourceLimitExceeded",
                f"Too many snapshot copies in progress. The limit is {self.snapshot_slots} for this destination.",
                "CopySnapshot",
            )
        self.most_flying[name] = max(self.most_flying[name], flying + 1)
        nth = self.made[(source["SnapshotId"], name)] = self.made[(source["SnapshotId"], name)] + 1
        tags = params["TagSpecifications"][0]["Tags"]
        trouble = self.fails(source["SnapshotId"], name, nth)
        id = self._copy_of(region, source, params, tags, params.get("Description", ""), trouble, shown=0.0)
        return {"SnapshotId": id, "Tags": tags}

    def _copy_of(
        self,
        region: Region,
        origin: dict[str, Any],
        params: Mapping[str, Any],
        tags: list[Any],
        text: str,
        trouble: str | None,
        shown: float | None = None,
    ) -> str:
        id = self.id("snap")
        encrypted = bool(origin.get("Encrypted") or params.get("Encrypted") or region.encrypts)
        key = params.get("KmsKeyId") or (region.default_key if encrypted else None)
        if key in self.bad_keys:
            trouble = "Given key ID is not accessible"
        now = self.clock.now()
        region.snapshots[id] = {
            "SnapshotId": id,
            "State": "pending",
            "VolumeId": "vol-ffffffff",
            "VolumeSize": origin["VolumeSize"],
            "OwnerId": ACCOUNT,
            "StartTime": self.clock.today(),
            "Encrypted": encrypted,
            **({"KmsKeyId": key} if key else {}),
            "Description": text,
            "TransferType": "standard",
            "StorageTier": "standard",
            "Tags": list(tags),
            "_job": {
                "began": now,
                "called": now,
                "shown": now + (self.snapshots_after if shown is None else shown),
                "bytes": origin.get("FullSnapshotSizeInBytes") or GIB,
                "fails": trouble,
                "fails_after": 6.0,
            },
        }
        return id

    def _check(self, params: Mapping[str, Any]) -> None:
        if "KmsKeyId" in params and not params.get("Encrypted"):
            raise error("InvalidParameterCombination", "KmsKeyId without Encrypted")
        for spec in params.get("TagSpecifications", ()):
            keys = [tag["Key"] for tag in spec["Tags"]]
            assert spec["ResourceType"] in {"image", "snapshot"}
            assert len(keys) == len(set(keys)) <= 50, keys
            assert not [key for key in keys if key.lower().startswith("aws:")]
            assert all(len(tag["Value"]) <= 256 and len(tag["Key"]) <= 128 for tag in spec["Tags"])

    def do_CreateTags(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        for id in params["Resources"]:
            raw = region.images.get(id) or region.snapshots.get(id)
            if raw is None:
                raise error(f"Invalid{'AMIID' if id.startswith('ami') else 'Snapshot'}.NotFound", id, "CreateTags")
            tags = {tag["Key"]: tag["Value"] for tag in raw["Tags"]} | {
                tag["Key"]: tag["Value"] for tag in params["Tags"]
            }
            raw["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {}

    def do_DeregisterImage(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        image = region.images.get(params["ImageId"])
        if image is None:
            raise error("InvalidAMIID.NotFound", "", "DeregisterImage")
        if str(image.get("DeregistrationProtection", "")).startswith("enabled"):
            raise error("OperationNotPermitted", "The image is protected from deregistration", "DeregisterImage")
        del region.images[params["ImageId"]]
        region.gone.add(params["ImageId"])
        gone = []
        if params.get("DeleteAssociatedSnapshots") and not region.recycle_bin:
            ids = image.get("_job", {}).get("snapshots") or [
                d["Ebs"]["SnapshotId"] for d in image["BlockDeviceMappings"] if "SnapshotId" in d.get("Ebs", {})
            ]
            used = {
                d.get("Ebs", {}).get("SnapshotId")
                for other in region.images.values()
                for d in other["BlockDeviceMappings"]
            }
            for id in ids:
                if id in used:
                    gone.append({"SnapshotId": id, "ReturnCode": "skipped"})
                elif region.snapshots.pop(id, None):
                    gone.append({"SnapshotId": id, "ReturnCode": "success"})
        return {"Return": True, "DeleteSnapshotResults": gone}

    def do_DeleteSnapshot(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        if region.snapshots.pop(params["SnapshotId"], None) is None:
            raise error("InvalidSnapshot.NotFound", "", "DeleteSnapshot")
        return {}

    def do_ModifyImageAttribute(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        image = region.images.get(params["ImageId"])
        if image is None:
            raise error("InvalidAMIID.NotFound", "", "ModifyImageAttribute")
        if image["State"] != "available":
            raise error("InvalidAMIID.Unavailable", "The image is currently pending", "ModifyImageAttribute")
        has = image.setdefault("_permissions", [])
        has += [item for item in params["LaunchPermission"]["Add"] if item not in has]
        return {}

    def do_ModifySnapshotAttribute(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        has = region.snapshots[params["SnapshotId"]].setdefault("_permissions", [])
        has += [item for item in params["CreateVolumePermission"]["Add"] if item not in has]
        return {}

    def do_DescribeImageAttribute(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        image = region.images[params["ImageId"]]
        return {"ImageId": params["ImageId"], "LaunchPermissions": image.get("_permissions", [])}

    def do_DescribeSnapshotAttribute(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        return {"CreateVolumePermissions": region.snapshots[params["SnapshotId"]].get("_permissions", [])}

    def do_EnableImageDeprecation(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        region.images[params["ImageId"]]["DeprecationTime"] = params["DeprecateAt"]
        return {"Return": True}

    def do_EnableImageDeregistrationProtection(
        self, name: str, region: Region, params: dict[str, Any]
    ) -> dict[str, Any]:
        kind = "enabled-with-cooldown" if params.get("WithCooldown") else "enabled-without-cooldown"
        region.images[params["ImageId"]]["DeregistrationProtection"] = kind
        return {"Return": kind}

    def do_DisableImageDeregistrationProtection(
        self, name: str, region: Region, params: dict[str, Any]
    ) -> dict[str, Any]:
        region.images[params["ImageId"]]["DeregistrationProtection"] = "disabled"
        return {"Return": "disabled"}

    def do_GetEbsEncryptionByDefault(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        return {"EbsEncryptionByDefault": region.encrypts}

    def do_GetEbsDefaultKmsKeyId(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        return {"KmsKeyId": region.default_key}

    def do_DescribeKey(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        if params["KeyId"] not in self.keys:
            raise error("NotFoundException", f"Key '{params['KeyId']}' does not exist", "DescribeKey")
        return {"KeyMetadata": self.keys[params["KeyId"]]}

    def do_DescribeImageReferences(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        used = {raw["ImageId"]: id for id, raw in region.instances.items()}
        return {
            "ImageReferences": [
                {
                    "ImageId": id,
                    "ResourceType": "ec2:Instance",
                    "Arn": f"arn:aws:ec2:{name}:{ACCOUNT}:instance/{used[id]}",
                }
                for id in params["ImageIds"]
                if id in used
            ]
        }

    def do_RunInstances(self, name: str, region: Region, params: dict[str, Any]) -> dict[str, Any]:
        token = params["ClientToken"]
        if token not in region.tokens:
            id = self.id("i")
            region.instances[id] = {
                "InstanceId": id,
                "ImageId": params["ImageId"],
                "InstanceType": params["InstanceType"],
            }
            region.tokens[token] = ("", id)
        return {"Instances": [region.instances[region.tokens[token][1]]]}


@dataclass(frozen=True)
class FakeClient:
    ec2: FakeEC2
    region: str
    service: str = "ec2"

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        given = {key: value for key, value in params.items() if value is not None}
        return self.ec2.call(self.region, self.service, operation, given)

    call_once = call

    def pages(self, operation: str, items: str, **params: Any) -> Iterator[list[Mapping[str, Any]]]:
        token = None
        while True:
            answer = self.call(operation, **params, NextToken=token)
            yield answer[items.removesuffix("[]")]
            token = answer.get("NextToken")
            if not token:
                return

    def sibling(self, *, service: str | None = None, region: str | None = None) -> FakeClient:
        return FakeClient(self.ec2, region or self.region, service or self.service)


class FakeCloud:
    """Runs each job at once; waiting is what makes time pass. ``hook`` is called before each job."""

    def __init__(self, ec2: FakeEC2, hook: Callable[[], None] = lambda: None) -> None:
        self.ec2 = ec2
        self.hook = hook
        self.answers: list[Answer] = []

    def begin(self, region: str, job: Callable[[Any], Any]) -> None:
        self.hook()
        try:
            self.answers.append(Answer(region, job(self.ec2.client(region))))
        except Exception as caught:
            self.answers.append(Answer(region, error=caught))

    def collect(self, patience: float) -> list[Answer]:
        if not self.answers:
            self.ec2.clock.seconds += patience
        answers, self.answers = self.answers, []
        return answers


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _public(item) for key, item in value.items() if not key.startswith("_")}
    return [_public(item) for item in value] if isinstance(value, list) else value


def _filtered(found: list[dict[str, Any]], params: Mapping[str, Any], id: str) -> list[dict[str, Any]]:
    for wanted in params.get("Filters", ()):
        if len(wanted["Values"]) > 200:
            raise error("FilterLimitExceeded", "too many values")
        found = [raw for raw in found if any(_matches(raw, wanted["Name"], value, id) for value in wanted["Values"])]
    return found


def _matches(raw: Mapping[str, Any], name: str, value: str, id: str) -> bool:
    paths = {
        "image-id": "ImageId",
        "snapshot-id": "SnapshotId",
        "name": "Name",
        "description": "Description",
        "source-image-id": "SourceImageId",
        "source-image-region": "SourceImageRegion",
        "status": "State",
        "state": "State",
    }
    tags = {tag["Key"]: tag["Value"] for tag in raw["Tags"]}
    if name == "tag-key":
        return any(fnmatch.fnmatchcase(key, value) for key in tags)
    has = tags.get(name[4:]) if name.startswith("tag:") else raw.get(paths[name])
    return has is not None and fnmatch.fnmatchcase(str(has), value.replace("[", "[[]"))
