"""Another instance like one that there is: all that EC2 tells about it, as a launch."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from ectwo_cli.aws.session import DENIED, Client, code_of
from ectwo_cli.fanout import across
from ectwo_cli.launch.wanted import Market, Wanted
from ectwo_cli.model import Raw, tags_of
from ectwo_cli.records import dataclass
from ectwo_cli.services import search
from ectwo_cli.services.instances import Instance

ATTRIBUTES = {
    "userData": "UserData",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "disableApiTermination": "DisableApiTermination",
    "disableApiStop": "DisableApiStop",
}
"""What DescribeInstances does not tell, and where in the answer it is."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """An instance as EC2 tells of it. ``attributes`` are values by the names of ``ATTRIBUTES``; absent: not known."""

    instance: Raw
    region: str
    volumes: Mapping[str, Raw] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    credits: str | None = None
    type: Raw | None = None
    spot: Raw | None = None
    unknown: tuple[str, ...] = ()


def read(client: Client, item: Instance) -> Original:
    """Ask EC2 all about an instance, at once. What the caller may not ask is among ``unknown``.

    EC2: DescribeInstances, DescribeVolumes, DescribeInstanceAttribute, DescribeInstanceCreditSpecifications,
    DescribeInstanceTypes, DescribeSpotInstanceRequests. Raises NotFound when it is gone, botocore's errors.
    """
    raw = search.raw(client, item)
    questions: dict[str, Callable[[], Any]] = {"volumes": lambda: _volumes(client, item.id)}
    for name in ATTRIBUTES:
        questions[name] = lambda name=name: _attribute(client, item.id, name)  # type: ignore[misc]
    if str(item.type).startswith("t"):
        questions["credits"] = lambda: _credits(client, item.id)
    questions["type"] = lambda: _type(client, str(item.type))
    if request := raw.get("SpotInstanceRequestId"):
        questions["spot"] = lambda: _spot(client, request)
    results = across(list(questions), lambda name: [(name, questions[name]())], where=str)
    known = dict(results)
    for failure in results.failures:
        if code_of(failure.error) not in DENIED:
            raise failure.error
    return Original(
        instance=raw,
        region=client.region,
        volumes=known.get("volumes", {}),
        attributes={name: known[name] for name in ATTRIBUTES if known.get(name) is not None},
        credits=known.get("credits"),
        type=known.get("type"),
        spot=known.get("spot"),
        unknown=tuple(sorted(failure.where for failure in results.failures)),
    )


def _volumes(client: Client, id: str) -> dict[str, Raw]:
    filters = [{"Name": "attachment.instance-id", "Values": [id]}]
    return {each["VolumeId"]: each for each in client.all("DescribeVolumes", "Volumes[]", Filters=filters)}


def _attribute(client: Client, id: str, name: str) -> Any:
    answer = client.call("DescribeInstanceAttribute", InstanceId=id, Attribute=name)
    return (answer.get(ATTRIBUTES[name]) or {}).get("Value")


def _credits(client: Client, id: str) -> str | None:
    answer = client.call("DescribeInstanceCreditSpecifications", InstanceIds=[id])
    return next((each.get("CpuCredits") for each in answer.get("InstanceCreditSpecifications", ())), None)


def _type(client: Client, name: str) -> Raw | None:
    filters = [{"Name": "instance-type", "Values": [name]}]
    return next(iter(client.all("DescribeInstanceTypes", "InstanceTypes[]", Filters=filters)), None)


def _spot(client: Client, id: str) -> Raw | None:
    filters = [{"Name": "spot-instance-request-id", "Values": [id]}]
    return next(iter(client.all("DescribeSpotInstanceRequests", "SpotInstanceRequests[]", Filters=filters)), None)


# Pure from here on


def wanted(original: Original, region: str, *, type: str | None, fresh: bool) -> Wanted:
    """The launch of another one in ``region``; of another ``type`` without what is of the type. ``fresh``: from an
    image of its disks, which brings the volumes along."""
    instance = original.instance
    elsewhere = region != original.region
    same_type = type in (None, instance.get("InstanceType"))
    groups = [each["GroupName" if elsewhere else "GroupId"] for each in instance.get("SecurityGroups", ())]
    user_data = original.attributes.get("userData")
    tags = {key: value for key, value in tags_of(instance.get("Tags")).items() if not key.lower().startswith("aws:")}
    return Wanted(
        image=instance["ImageId"],
        type=type or instance["InstanceType"],
        key=instance.get("KeyName"),
        groups=tuple(groups),
        subnet=None if elsewhere else instance.get("SubnetId"),
        tags=tags,
        # They are the instance's already, as far as they were inherited.
        image_tags=False,
        user_data=base64.b64decode(user_data) if user_data else None,
        instance_profile=(instance.get("IamInstanceProfile") or {}).get("Arn"),
        public_ip=None if elsewhere else public_ip(instance),
        market=market(original),
        shutdown=original.attributes.get("instanceInitiatedShutdownBehavior"),
        protect=bool(original.attributes.get("disableApiTermination")),
        devices=() if fresh else tuple(devices(original, elsewhere=elsewhere)),
        encrypt=not fresh,
        extra=extra(original, elsewhere=elsewhere, same_type=same_type),
        origin=original.region if elsewhere else None,
    )


def public_ip(instance: Raw) -> bool | None:
    """Whether it got a public address of Amazon's; None where that can't be seen (stopped, or an Elastic IP)."""
    if instance.get("State", {}).get("Name") != "running" or not instance.get("NetworkInterfaces"):
        return None
    association = instance["NetworkInterfaces"][0].get("Association")
    if association is None:
        return False
    return True if association.get("IpOwnerId") == "amazon" else None


def market(original: Original) -> Market | None:
    """Spot as it was; None for on demand."""
    if original.instance.get("InstanceLifecycle") != "spot":
        return None
    request = original.spot or {}
    persistent = request.get("Type") == "persistent"
    behavior = request.get("InstanceInterruptionBehavior", "stop")
    return Market(max_price=request.get("SpotPrice"), interruption=behavior if persistent else "terminate")


def devices(original: Original, *, elsewhere: bool) -> list[dict[str, Any]]:
    """Its EBS volumes as block device mappings: size, type, speed, encryption, and whether they go with it."""
    made: list[dict[str, Any]] = []
    for mapping in original.instance.get("BlockDeviceMappings", ()):
        attached = mapping.get("Ebs", {})
        volume = original.volumes.get(attached.get("VolumeId", ""))
        if volume is None:
            continue
        kind = volume.get("VolumeType", "gp2")
        ebs: dict[str, Any] = {
            "VolumeSize": volume["Size"],
            "VolumeType": kind,
            "DeleteOnTermination": bool(attached.get("DeleteOnTermination", True)),
        }
        if kind in ("gp3", "io1", "io2") and volume.get("Iops"):
            ebs["Iops"] = volume["Iops"]
        if kind == "gp3" and volume.get("Throughput"):
            ebs["Throughput"] = volume["Throughput"]
        if volume.get("Encrypted"):
            ebs["Encrypted"] = True
            # A key is of one region; elsewhere, it is the default one there.
            if volume.get("KmsKeyId") and not elsewhere:
                ebs["KmsKeyId"] = volume["KmsKeyId"]
        made.append({"DeviceName": mapping["DeviceName"], "Ebs": ebs})
    return made


def extra(original: Original, *, elsewhere: bool, same_type: bool) -> dict[str, Any]:
    """What else RunInstances takes, as the instance has it, where that is not the default."""
    instance = original.instance
    found: dict[str, Any] = {}
    metadata = instance.get("MetadataOptions") or {}
    names = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "HttpProtocolIpv6", "InstanceMetadataTags")
    if metadata:
        found["MetadataOptions"] = {name: metadata[name] for name in names if metadata.get(name) is not None}
    if (instance.get("Monitoring") or {}).get("State") in ("enabled", "pending"):
        found["Monitoring"] = {"Enabled": True}
    if (instance.get("HibernationOptions") or {}).get("Configured"):
        found["HibernationOptions"] = {"Configured": True}
    if (instance.get("EnclaveOptions") or {}).get("Enabled"):
        found["EnclaveOptions"] = {"Enabled": True}
    if (instance.get("MaintenanceOptions") or {}).get("AutoRecovery") == "disabled":
        found["MaintenanceOptions"] = {"AutoRecovery": "disabled"}
    if original.attributes.get("disableApiStop"):
        found["DisableApiStop"] = True
    parts = ("HostnameType", "EnableResourceNameDnsARecord", "EnableResourceNameDnsAAAARecord")
    dns = {name: value for name in parts if (value := (instance.get("PrivateDnsNameOptions") or {}).get(name))}
    if dns and dns != {"HostnameType": "ip-name"} and not elsewhere:
        found["PrivateDnsNameOptions"] = dns
    placed = instance.get("Placement") or {}
    placement = {"Tenancy": placed["Tenancy"]} if placed.get("Tenancy") == "dedicated" else {}
    if placed.get("GroupName") and not elsewhere:
        placement["GroupName"] = placed["GroupName"]
    if placement:
        found["Placement"] = placement
    if same_type:
        found |= _of_the_type(original)
    return found


def _of_the_type(original: Original) -> dict[str, Any]:
    instance = original.instance
    found: dict[str, Any] = {}
    optimized = ((original.type or {}).get("EbsInfo") or {}).get("EbsOptimizedSupport")
    if instance.get("EbsOptimized") and optimized == "supported":
        found["EbsOptimized"] = True
    if original.credits:
        found["CreditSpecification"] = {"CpuCredits": original.credits}
    cpu = instance.get("CpuOptions") or {}
    usual = (original.type or {}).get("VCpuInfo") or {}
    if cpu and usual and cpu.get("CoreCount"):
        default = (usual.get("DefaultCores"), usual.get("DefaultThreadsPerCore"))
        if None not in default and (cpu.get("CoreCount"), cpu.get("ThreadsPerCore")) != default:
            found["CpuOptions"] = {"CoreCount": cpu["CoreCount"], "ThreadsPerCore": cpu["ThreadsPerCore"]}
    return found


def losses(original: Original, image: Raw | None, *, elsewhere: bool, fresh: bool) -> list[str]:
    """What the clone will not have, in words."""
    instance = original.instance
    said: list[str] = []
    interfaces = instance.get("NetworkInterfaces", ())
    if len(interfaces) > 1:
        said.append(f"it has {len(interfaces)} network interfaces; a clone gets one")
    if instance.get("SourceDestCheck") is False:
        said.append("its source/destination check is off; a clone's is on")
    if interfaces and (interfaces[0].get("Association") or {}).get("IpOwnerId", "amazon") != "amazon":
        said.append("its Elastic IP address stays with it")
    of_image = {each.get("DeviceName") for each in (image or {}).get("BlockDeviceMappings", ())}
    added = [
        each["DeviceName"] for each in devices(original, elsewhere=elsewhere) if each["DeviceName"] not in of_image
    ]
    if added and image is not None and not fresh:
        said.append(
            f"{', '.join(added)} will be empty, for the image does not have it; --from-image takes the data along"
        )
    if elsewhere and (instance.get("Placement") or {}).get("GroupName"):
        said.append("its placement group is of its region; a clone is in none")
    if original.unknown:
        said.append(f"not cloned, since you may not look it up: {', '.join(original.unknown)}")
    return said
