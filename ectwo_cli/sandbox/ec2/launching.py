"""RunInstances: what EC2 checks before a launch, and what an instance then looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Ask, Handler, check_ids, tags_of
from ectwo_cli.sandbox.ec2 import disks, network, states, types
from ectwo_cli.sandbox.ec2.network import Group, Subnet
from ectwo_cli.sandbox.refusals import Refusal, bad_value, missing, not_found
from ectwo_cli.sandbox.world import Region, Thing

MOST_USER_DATA = 16 * 1024


@dataclass
class Plan:
    """A launch that EC2 would accept."""

    image: dict[str, Any]
    type: str
    subnet: Subnet
    groups: list[Group]
    key: str | None = None
    count: int = 1
    mappings: list[dict[str, Any]] = field(default_factory=list)
    public: bool = True
    spot: bool = False
    user_data: str | None = None
    profile: dict[str, str] | None = None
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    token: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def run_instances(ask: Ask) -> dict[str, Any]:
    """RunInstances, once for each ClientToken."""
    return ask.here.once("RunInstances", ask.parameters, lambda: _run(ask))


def _run(ask: Ask) -> dict[str, Any]:
    here = ask.here
    parameters = with_template(ask)
    low, high = int(parameters.get("MinCount", 1)), int(parameters.get("MaxCount", 1))
    if not 1 <= low <= high:
        raise bad_value(high, "maxCount", "It must be at least MinCount, which must be at least 1.")
    plan = planned(here, parameters)
    plan.count = room_for(here, plan, low, high)
    ask.commit()
    if plan.spot:
        from ectwo_cli.sandbox.ec2 import spot

        return spot.launched(here, plan, parameters.get("InstanceMarketOptions", {}).get("SpotOptions", {}))
    things = launch(here, plan, failure=ask.outcome.get("StateReason"))
    return reservation(here, things, fresh=True)


def with_template(ask: Ask) -> dict[str, Any]:
    """The parameters, filled up from the launch template that they name."""
    parameters = dict(ask.parameters)
    named = parameters.get("LaunchTemplate")
    if not named:
        return parameters
    query = {name: str(value) for name, value in named.items() if name in ("LaunchTemplateId", "LaunchTemplateName")}
    query["LaunchTemplateVersion.1"] = str(named.get("Version", "$Default"))
    versions = delegate.call(ask.here, "DescribeLaunchTemplateVersions", query)["LaunchTemplateVersions"]
    if not versions:
        raise Refusal("InvalidLaunchTemplateId.VersionNotFound", "The specified version of the template was not found.")
    data = dict(versions[0].get("LaunchTemplateData", {}))
    data["TagSpecifications"] = data.pop("TagSpecifications", [])
    return {**{name: value for name, value in data.items() if value not in (None, [], {})}, **parameters}


def planned(here: Region, parameters: Mapping[str, Any]) -> Plan:
    """The launch that the parameters ask for. Raises Refusal with EC2's code for what can't be."""
    image = _image(here, parameters.get("ImageId"))
    name = str(parameters.get("InstanceType") or "m1.small")
    kind = types.details(name)
    if kind is None:
        raise bad_value(name, "InstanceType")
    interface = _interface(parameters)
    placement = parameters.get("Placement", {})
    subnet = network.subnet_for(
        here, parameters.get("SubnetId") or interface.get("SubnetId"), placement.get("AvailabilityZone") or None
    )
    subnet = _offered(here, name, subnet, asked=bool(parameters.get("SubnetId") or placement.get("AvailabilityZone")))
    _fits(image, kind)
    key = parameters.get("KeyName")
    if key and key not in here.key_pairs:
        raise Refusal("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    groups = network.groups_for(
        here,
        subnet.vpc,
        list(parameters.get("SecurityGroupIds") or interface.get("Groups") or ()),
        list(parameters.get("SecurityGroups") or ()),
    )
    user_data = parameters.get("UserData")
    if user_data and len(user_data) * 3 // 4 > MOST_USER_DATA:
        raise bad_value("…", "userData", f"User data is limited to {MOST_USER_DATA} bytes")
    public = interface.get("AssociatePublicIpAddress")
    return Plan(
        image=image,
        type=name,
        subnet=subnet,
        groups=groups,
        key=key,
        mappings=_mappings(here, image, parameters.get("BlockDeviceMappings", ())),
        public=subnet.public if public is None else bool(public),
        spot=parameters.get("InstanceMarketOptions", {}).get("MarketType") == "spot",
        user_data=user_data,
        profile=_profile(here, parameters.get("IamInstanceProfile")),
        tags=tags_of(
            parameters.get("TagSpecifications"),
            ("instance", "volume", "network-interface", "spot-instances-request"),
        ),
        token=parameters.get("ClientToken"),
        parameters=parameters,
    )


def _interface(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = parameters.get("NetworkInterfaces") or ()
    if not found:
        return {}
    for name in ("SubnetId", "SecurityGroupIds", "SecurityGroups"):
        if parameters.get(name):
            raise Refusal(
                "InvalidParameterCombination",
                "Network interfaces and an instance-level "
                f"{'subnet ID' if name == 'SubnetId' else 'security groups'} may not be specified on the same request",
            )
    return dict(found[0])


def _image(here: Region, image_id: str | None) -> dict[str, Any]:
    if not image_id:
        raise missing("ImageId")
    check_ids([image_id], "ami", "image", "InvalidAMIID.Malformed")
    from ectwo_cli.sandbox.ec2 import images

    found = images.every(here).get(image_id)
    if found is None:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if found.data["State"] != "available":
        raise Refusal(
            "InvalidAMIID.Unavailable",
            f"The image ID '{image_id}' is not available: it is currently {found.data['State']}",
        )
    return images.answer(here, found)


def _offered(here: Region, name: str, subnet: Subnet, *, asked: bool) -> Subnet:
    zones = types.offered(here.name).get(name)
    if not zones:
        raise Refusal(
            "Unsupported",
            f"The requested configuration is currently not supported. Your requested instance type ({name}) is not "
            f"supported in your requested Region ({here.name}).",
        )
    if subnet.zone in zones:
        return subnet
    if asked:
        raise Refusal(
            "Unsupported",
            f"Your requested instance type ({name}) is not supported in your requested Availability Zone "
            f"({subnet.zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(zones)}.",
        )
    return next(one for one in network.subnets(here) if one.default and one.zone in zones)


def _fits(image: Mapping[str, Any], kind: Mapping[str, Any]) -> None:
    """Raises Refusal when the image does not boot on the type."""
    name = kind["InstanceType"]
    supported = kind["ProcessorInfo"]["SupportedArchitectures"]
    architecture = image.get("Architecture", "x86_64")
    if architecture not in supported:
        raise Refusal(
            "InvalidParameterValue",
            f"The architecture '{','.join(supported)}' of the specified instance type does not match the architecture "
            f"'{architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the "
            "architecture of the instance type or AMI.",
        )
    virtualization = image.get("VirtualizationType", "hvm")
    if virtualization not in kind["SupportedVirtualizationTypes"]:
        raise Refusal(
            "InvalidParameterCombination",
            f"Virtualization type '{virtualization}' is required for the AMI, and is not supported by instance type "
            f"'{name}'.",
        )
    boot = image.get("BootMode")
    if boot in ("uefi", "legacy-bios") and boot not in kind["SupportedBootModes"]:
        raise Refusal("InvalidParameterValue", f"The {boot} boot mode of the AMI is not supported by '{name}'.")
    if kind["NetworkInfo"].get("EnaSupport") == "required" and not image.get("EnaSupport"):
        raise Refusal(
            "InvalidParameterCombination",
            f"Enhanced networking with the Elastic Network Adapter (ENA) is required for the '{name}' instance type. "
            "Ensure that you are using an AMI that is enabled for ENA.",
        )


def _mappings(here: Region, image: Mapping[str, Any], asked: Any) -> list[dict[str, Any]]:
    """The disks: those of the image, as the request changes them. Raises Refusal for a root that is too small."""
    merged: dict[str, dict[str, Any]] = {}
    for one in image.get("BlockDeviceMappings", ()):
        merged[one["DeviceName"]] = {**one, "Ebs": dict(one["Ebs"])} if "Ebs" in one else dict(one)
    for one in asked or ():
        device = one.get("DeviceName")
        if not device:
            raise missing("deviceName")
        if "NoDevice" in one:
            merged.pop(device, None)
            continue
        base = merged.get(device, {}).get("Ebs", {})
        ebs = {**base, **{name: value for name, value in one.get("Ebs", {}).items() if value is not None}}
        if "VirtualName" in one:
            merged[device] = dict(one)
            continue
        snapshot = ebs.get("SnapshotId")
        if not ebs.get("VolumeSize") and not snapshot:
            raise Refusal("MissingParameter", "The request must contain the parameter size or snapshotId")
        least = base.get("VolumeSize", 0)
        if snapshot and not base:
            known = here.snapshots.get(snapshot)
            if known is None:
                raise not_found("snapshot", "InvalidSnapshot.NotFound", [snapshot])
            least = known.data["VolumeSize"]
            ebs.setdefault("VolumeSize", least)
        if ebs.get("VolumeSize", least) < least:
            raise Refusal(
                "InvalidBlockDeviceMapping",
                f"Volume of size {ebs['VolumeSize']}GB is smaller than snapshot '{snapshot}', expect size >= {least}GB",
            )
        if base.get("Encrypted") and one.get("Ebs", {}).get("Encrypted") is False:
            raise Refusal("InvalidParameter", "Encrypted snapshots can't be made into volumes that are not encrypted.")
        merged[device] = {"DeviceName": device, "Ebs": ebs}
    return list(merged.values())


def _profile(here: Region, asked: Mapping[str, str] | None) -> dict[str, str] | None:
    if not asked:
        return None
    from ectwo_cli.sandbox import others

    name = asked.get("Name") or str(asked.get("Arn", "")).rpartition("/")[2]
    found = others.profiles(here.account).get(name)
    if found is None or (asked.get("Arn") and asked["Arn"] != found["Arn"]):
        shown = asked.get("Name") or asked.get("Arn")
        what = "name" if asked.get("Name") else "ARN"
        raise bad_value(shown, f"iamInstanceProfile.{what.lower()}", f"Invalid IAM Instance Profile {what}")
    return {"Arn": found["Arn"], "Id": found["InstanceProfileId"]}


def room_for(here: Region, plan: Plan, low: int, high: int) -> int:
    """How many of the asked instances the vCPU quota leaves room for. Raises Refusal when fewer than ``low``."""
    if plan.spot:
        return high
    each = (types.details(plan.type) or {})["VCpuInfo"]["DefaultVCpus"]
    free = here.settings.vcpu_quota - vcpus(here)
    count = min(high, free // each)
    if count < low:
        raise Refusal(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {here.settings.vcpu_quota} allows "
            "for the instance bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
        )
    return int(count)


def vcpus(here: Region) -> int:
    """The vCPUs of the on-demand instances that count against the quota."""
    return sum(
        (types.details(one.data["InstanceType"]) or {})["VCpuInfo"]["DefaultVCpus"]
        for one in here.instances.values()
        if one.data["State"]["Name"] in ("pending", "running", "stopping")
        and one.data.get("InstanceLifecycle") != "spot"
        and not one.extra.get("seeded")
    )


def launch(
    here: Region,
    plan: Plan,
    *,
    at: float | None = None,
    state: str | None = None,
    spot_request: str | None = None,
    failure: Mapping[str, str] | None = None,
) -> list[Thing]:
    """Make the instances of a plan.

    ``state`` puts them into that state at once, as the seed wants it; else they are pending, and run after a while
    (or terminate, for the reason in ``failure``).
    """
    reservation_id = here.new_id("r")
    return [
        _instance(here, plan, index, reservation_id, at, state, spot_request, failure) for index in range(plan.count)
    ]


def _instance(
    here: Region,
    plan: Plan,
    index: int,
    reservation_id: str,
    at: float | None,
    state: str | None,
    spot_request: str | None,
    failure: Mapping[str, str] | None,
) -> Thing:
    kind = types.details(plan.type) or {}
    image, asked = plan.image, plan.parameters
    instance_id = here.new_id("i")
    when = here.now() if at is None else at
    address = network.private_address(here, plan.subnet)
    groups = [{"GroupId": group.id, "GroupName": group.name} for group in plan.groups]
    windows = image.get("Platform") == "windows"
    cores = kind["VCpuInfo"].get("DefaultCores") or kind["VCpuInfo"]["DefaultVCpus"]
    threads = kind["VCpuInfo"].get("DefaultThreadsPerCore") or 1
    metadata = asked.get("MetadataOptions", {})
    boot = image.get("BootMode")
    architecture = image.get("Architecture", "x86_64")
    interface = {
        "Attachment": {
            "AttachTime": here.moment(when),
            "AttachmentId": here.new_id("eni-attach"),
            "DeleteOnTermination": True,
            "DeviceIndex": 0,
            "Status": "attached",
            "NetworkCardIndex": 0,
        },
        "Description": "",
        "Groups": groups,
        "Ipv6Addresses": [],
        "MacAddress": "06:" + ":".join(f"{here.random.getrandbits(8):02x}" for _ in range(5)),
        "NetworkInterfaceId": here.new_id("eni"),
        "OwnerId": here.account,
        "PrivateDnsName": network.private_dns(here, address),
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [
            {"Primary": True, "PrivateDnsName": network.private_dns(here, address), "PrivateIpAddress": address}
        ],
        "SourceDestCheck": True,
        "Status": "in-use",
        "SubnetId": plan.subnet.id,
        "VpcId": plan.subnet.vpc,
        "InterfaceType": "interface",
        "Operator": {"Managed": False},
    }
    data: dict[str, Any] = {
        "AmiLaunchIndex": index,
        "Architecture": architecture,
        "BlockDeviceMappings": [],
        "BootMode": boot,
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "ClientToken": plan.token or "",
        "CpuOptions": {"CoreCount": cores, "ThreadsPerCore": threads},
        "CurrentInstanceBootMode": "uefi" if architecture == "arm64" or boot == "uefi" else "legacy-bios",
        "EbsOptimized": bool(asked.get("EbsOptimized", False)),
        "EnaSupport": bool(image.get("EnaSupport", True)),
        "EnclaveOptions": {"Enabled": bool(asked.get("EnclaveOptions", {}).get("Enabled", False))},
        "HibernationOptions": {"Configured": bool(asked.get("HibernationOptions", {}).get("Configured", False))},
        "Hypervisor": "xen",
        "IamInstanceProfile": plan.profile,
        "ImageId": image["ImageId"],
        "InstanceId": instance_id,
        "InstanceLifecycle": "spot" if plan.spot else None,
        "InstanceType": plan.type,
        "KeyName": plan.key,
        "LaunchTime": here.moment(when),
        "MaintenanceOptions": {"AutoRecovery": "default", "RebootMigration": "default"},
        "MetadataOptions": {
            "State": "applied",
            "HttpTokens": metadata.get("HttpTokens", "required" if image.get("ImdsSupport") == "v2.0" else "optional"),
            "HttpPutResponseHopLimit": int(metadata.get("HttpPutResponseHopLimit", 2)),
            "HttpEndpoint": metadata.get("HttpEndpoint", "enabled"),
            "HttpProtocolIpv6": metadata.get("HttpProtocolIpv6", "disabled"),
            "InstanceMetadataTags": metadata.get("InstanceMetadataTags", "disabled"),
        },
        "Monitoring": {"State": "enabled" if asked.get("Monitoring", {}).get("Enabled") else "disabled"},
        "NetworkInterfaces": [interface],
        "NetworkPerformanceOptions": {"BandwidthWeighting": "default"},
        "Operator": {"Managed": False},
        "Placement": {
            "AvailabilityZone": plan.subnet.zone,
            "GroupName": asked.get("Placement", {}).get("GroupName", ""),
            "Tenancy": asked.get("Placement", {}).get("Tenancy", "default"),
        },
        "Platform": "windows" if windows else None,
        "PlatformDetails": image.get("PlatformDetails", "Linux/UNIX"),
        "PrivateDnsName": network.private_dns(here, address),
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "PrivateIpAddress": address,
        "ProductCodes": [],
        "PublicDnsName": "",
        "RootDeviceName": image.get("RootDeviceName", "/dev/xvda"),
        "RootDeviceType": image.get("RootDeviceType", "ebs"),
        "SecurityGroups": groups,
        "SourceDestCheck": True,
        "SpotInstanceRequestId": spot_request,
        "State": {"Code": 0, "Name": "pending"},
        "StateTransitionReason": "",
        "SubnetId": plan.subnet.id,
        "UsageOperation": image.get("UsageOperation", "RunInstances"),
        "UsageOperationUpdateTime": here.moment(when),
        "VirtualizationType": image.get("VirtualizationType", "hvm"),
        "VpcId": plan.subnet.vpc,
    }
    data = {name: value for name, value in data.items() if value is not None}
    thing = Thing(
        instance_id,
        data,
        here.now(),
        {
            "reservation": reservation_id,
            "user_data": plan.user_data,
            "protected": bool(asked.get("DisableApiTermination", False)),
            "stop_protected": bool(asked.get("DisableApiStop", False)),
            "shutdown": asked.get("InstanceInitiatedShutdownBehavior", "stop"),
            "public": plan.public,
            "credits": asked.get("CreditSpecification", {}).get("CpuCredits"),
            "running_since": when,
            "turn": 0,
            "events": [],
        },
    )
    here.instances[instance_id] = thing
    here.tag(instance_id, plan.tags.get("instance", ()))
    for one in plan.mappings:
        ebs = one.get("Ebs")
        if not ebs:
            continue
        volume = disks.make_volume(
            here,
            size=int(ebs.get("VolumeSize", 8)),
            zone=plan.subnet.zone,
            kind=ebs.get("VolumeType", "gp2"),
            snapshot=ebs.get("SnapshotId"),
            encrypted=bool(ebs.get("Encrypted", False)),
            key=ebs.get("KmsKeyId"),
            iops=ebs.get("Iops"),
            throughput=ebs.get("Throughput"),
            created=when,
        )
        here.tag(volume.id, plan.tags.get("volume", ()))
        disks.attach(here, volume, thing, one["DeviceName"], delete=bool(ebs.get("DeleteOnTermination", True)), at=when)
    if plan.public:
        states.give_address(here, thing)
    if state is None:
        states.start_launch(here, thing, failure)
    else:
        states.put(here, thing, state, at=when)
    return thing


def reservation(here: Region, things: list[Thing], *, fresh: bool = False) -> dict[str, Any]:
    """The Reservation that EC2 answers for instances launched together."""
    return {
        "ReservationId": things[0].extra["reservation"],
        "OwnerId": here.account,
        "Groups": [],
        "Instances": [dict(here.with_tags(thing)) for thing in things],
    }


HANDLERS: dict[str, Handler] = {"RunInstances": run_instances}
