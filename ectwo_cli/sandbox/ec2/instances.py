"""Instances: DescribeInstances and the verbs on them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from ectwo_cli.sandbox.asking import Ask, Handler, pick
from ectwo_cli.sandbox.ec2 import launching, network, spot, states, types
from ectwo_cli.sandbox.filters import Item, Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value, missing
from ectwo_cli.sandbox.world import Region, Thing

_FILTERS: Table = {
    "affinity": "Placement.Affinity",
    "architecture": "Architecture",
    "availability-zone": "Placement.AvailabilityZone",
    "availability-zone-id": "Placement.AvailabilityZoneId",
    "block-device-mapping.attach-time": "BlockDeviceMappings.Ebs.AttachTime",
    "block-device-mapping.delete-on-termination": "BlockDeviceMappings.Ebs.DeleteOnTermination",
    "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName",
    "block-device-mapping.status": "BlockDeviceMappings.Ebs.Status",
    "block-device-mapping.volume-id": "BlockDeviceMappings.Ebs.VolumeId",
    "boot-mode": "BootMode",
    "capacity-reservation-id": "CapacityReservationId",
    "client-token": "ClientToken",
    "current-instance-boot-mode": "CurrentInstanceBootMode",
    "dns-name": "PublicDnsName",
    "ebs-optimized": "EbsOptimized",
    "ena-support": "EnaSupport",
    "enclave-options.enabled": "EnclaveOptions.Enabled",
    # Groups of the instance are those of EC2-Classic; EC2 still answers for those of its interfaces.
    "group-id": "SecurityGroups.GroupId",
    "group-name": "SecurityGroups.GroupName",
    "hibernation-options.configured": "HibernationOptions.Configured",
    "host-id": "Placement.HostId",
    "hypervisor": "Hypervisor",
    "iam-instance-profile.arn": "IamInstanceProfile.Arn",
    "iam-instance-profile.id": "IamInstanceProfile.Id",
    "image-id": "ImageId",
    "instance-id": "InstanceId",
    "instance-lifecycle": "InstanceLifecycle",
    "instance-state-code": "State.Code",
    "instance-state-name": "State.Name",
    "instance-type": "InstanceType",
    "instance.group-id": "SecurityGroups.GroupId",
    "instance.group-name": "SecurityGroups.GroupName",
    "ip-address": "PublicIpAddress",
    "ipv6-address": "NetworkInterfaces.Ipv6Addresses.Ipv6Address",
    "kernel-id": "KernelId",
    "key-name": "KeyName",
    "launch-index": "AmiLaunchIndex",
    "launch-time": "LaunchTime",
    "maintenance-options.auto-recovery": "MaintenanceOptions.AutoRecovery",
    "metadata-options.http-endpoint": "MetadataOptions.HttpEndpoint",
    "metadata-options.http-protocol-ipv6": "MetadataOptions.HttpProtocolIpv6",
    "metadata-options.http-put-response-hop-limit": "MetadataOptions.HttpPutResponseHopLimit",
    "metadata-options.http-tokens": "MetadataOptions.HttpTokens",
    "metadata-options.instance-metadata-tags": "MetadataOptions.InstanceMetadataTags",
    "monitoring-state": "Monitoring.State",
    "network-interface.addresses.association.public-ip": "NetworkInterfaces.PrivateIpAddresses.Association.PublicIp",
    "network-interface.addresses.primary": "NetworkInterfaces.PrivateIpAddresses.Primary",
    "network-interface.addresses.private-ip-address": "NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress",
    "network-interface.association.public-ip": "NetworkInterfaces.Association.PublicIp",
    "network-interface.attachment.attachment-id": "NetworkInterfaces.Attachment.AttachmentId",
    "network-interface.attachment.status": "NetworkInterfaces.Attachment.Status",
    "network-interface.availability-zone": "Placement.AvailabilityZone",
    "network-interface.description": "NetworkInterfaces.Description",
    "network-interface.group-id": "NetworkInterfaces.Groups.GroupId",
    "network-interface.group-name": "NetworkInterfaces.Groups.GroupName",
    "network-interface.mac-address": "NetworkInterfaces.MacAddress",
    "network-interface.network-interface-id": "NetworkInterfaces.NetworkInterfaceId",
    "network-interface.owner-id": "NetworkInterfaces.OwnerId",
    "network-interface.private-dns-name": "NetworkInterfaces.PrivateDnsName",
    "network-interface.private-ip-address": "NetworkInterfaces.PrivateIpAddress",
    "network-interface.status": "NetworkInterfaces.Status",
    "network-interface.subnet-id": "NetworkInterfaces.SubnetId",
    "network-interface.vpc-id": "NetworkInterfaces.VpcId",
    "outpost-arn": "OutpostArn",
    "owner-id": "OwnerId",
    "placement-group-name": "Placement.GroupName",
    "platform": "Platform",
    "platform-details": "PlatformDetails",
    "private-dns-name": "PrivateDnsName",
    "private-ip-address": "PrivateIpAddress",
    "product-code": "ProductCodes.ProductCodeId",
    "product-code.type": "ProductCodes.ProductCodeType",
    "ramdisk-id": "RamdiskId",
    "reason": "StateTransitionReason",
    "requester-id": "RequesterId",
    "reservation-id": "ReservationId",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "source-dest-check": "SourceDestCheck",
    "spot-instance-request-id": "SpotInstanceRequestId",
    "state-reason-code": "StateReason.Code",
    "state-reason-message": "StateReason.Message",
    "subnet-id": "SubnetId",
    "tenancy": "Placement.Tenancy",
    "usage-operation": "UsageOperation",
    "usage-operation-update-time": "UsageOperationUpdateTime",
    "virtualization-type": "VirtualizationType",
    "vpc-id": "VpcId",
}


def pick_instances(ask: Ask, ids: list[str]) -> list[Thing]:
    """The instances of those IDs. Raises Refusal as EC2 does."""
    return pick(ask, ask.here.instances, ids, prefix="i", noun="instance", family="InvalidInstanceID")


def describe_instances(ask: Ask) -> dict[str, Any]:
    """DescribeInstances; MaxResults counts instances, 5 to 1000."""
    here = ask.here
    ids = ask.get("InstanceIds")
    if ids and ask.get("MaxResults") is not None:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    things = pick_instances(ask, ids) if ids else here.visible(here.instances.values())
    rows = [here.with_tags(thing, ReservationId=thing.extra["reservation"], OwnerId=here.account) for thing in things]
    chosen, token = page(select(rows, ask.get("Filters"), _FILTERS), ask.parameters, unasked=1000)
    reservations: dict[str, dict[str, Any]] = {}
    for row in chosen:
        reservation_id = row.pop("ReservationId")
        row.pop("OwnerId")
        holder = reservations.setdefault(
            reservation_id,
            {"ReservationId": reservation_id, "OwnerId": here.account, "Groups": [], "Instances": []},
        )
        holder["Instances"].append(row)
    return {"Reservations": list(reservations.values()), "NextToken": token}


def _change(thing: Thing, before: str) -> dict[str, Any]:
    return {
        "InstanceId": thing.id,
        "CurrentState": dict(thing.data["State"]),
        "PreviousState": {"Code": states.CODES[before], "Name": before},
    }


def _wrong_state(thing: Thing, verb: str) -> Refusal:
    name = states.state(thing)
    return Refusal(
        "IncorrectInstanceState", f"The instance '{thing.id}' is not in a state from which it can be {verb}: {name}."
    )


def start_instances(ask: Ask) -> dict[str, Any]:
    """StartInstances: of stopped ones; running and pending ones are left as they are."""
    here = ask.here
    things = pick_instances(ask, ask.need("InstanceIds"))
    for thing in things:
        if states.state(thing) in ("terminated", "shutting-down", "stopping"):
            raise _wrong_state(thing, "started")
        if states.state(thing) == "stopped" and _one_time_spot(here, thing):
            raise Refusal(
                "IncorrectSpotRequestState",
                f"You can't start the Spot Instance '{thing.id}' because the associated Spot Instance request is not "
                "in an appropriate state to support start.",
            )
    ask.commit()
    changes = []
    for thing in things:
        before = states.state(thing)
        if before == "stopped":
            states.start(here, thing, ask.outcome.get("StateReason"))
        changes.append(_change(thing, before))
    return {"StartingInstances": changes}


def stop_instances(ask: Ask) -> dict[str, Any]:
    """StopInstances: refused for the whole request when one is protected, pending without Force, or one-time spot."""
    here = ask.here
    things = pick_instances(ask, ask.need("InstanceIds"))
    for thing in things:
        name = states.state(thing)
        if name in ("terminated", "shutting-down"):
            raise _wrong_state(thing, "stopped")
        if name == "pending" and not ask.get("Force"):
            raise _wrong_state(thing, "stopped")
        if _one_time_spot(here, thing):
            raise Refusal(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{thing.id}' because it is associated with a one-time Spot Instance "
                "request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
            )
        if thing.extra["stop_protected"]:
            raise Refusal(
                "OperationNotPermitted",
                f"The instance '{thing.id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try "
                "again.",
            )
        if ask.get("Hibernate") and not thing.data["HibernationOptions"]["Configured"]:
            raise Refusal(
                "UnsupportedHibernationConfiguration",
                f"The instance '{thing.id}' is not configured for hibernation.",
            )
        if thing.data["RootDeviceType"] != "ebs":
            raise Refusal(
                "UnsupportedOperation", f"The instance '{thing.id}' does not have an 'ebs' root device type and cannot "
                "be stopped."
            )  # fmt: skip
    ask.commit()
    changes = []
    for thing in things:
        before = states.state(thing)
        if before in ("running", "pending"):
            states.stop(here, thing, hibernate=bool(ask.get("Hibernate")))
        changes.append(_change(thing, before))
    return {"StoppingInstances": changes}


def _one_time_spot(here: Region, thing: Thing) -> bool:
    if thing.data.get("InstanceLifecycle") != "spot":
        return False
    request = here.spot_requests.get(thing.data.get("SpotInstanceRequestId", ""))
    return request is None or request.data["Type"] == "one-time"


def reboot_instances(ask: Ask) -> dict[str, Any]:
    """RebootInstances: of running ones."""
    things = pick_instances(ask, ask.need("InstanceIds"))
    for thing in things:
        if states.state(thing) not in ("running", "pending"):
            raise _wrong_state(thing, "rebooted")
    ask.commit()
    for thing in things:
        thing.extra["reboots"] = thing.extra.get("reboots", 0) + 1
    return {}


def terminate_instances(ask: Ask) -> dict[str, Any]:
    """TerminateInstances.

    A protected instance makes the request fail, and spares all that are in its zone; those in other zones go.
    """
    here = ask.here
    things = pick_instances(ask, ask.need("InstanceIds"))
    guarded = [one for one in things if one.extra["protected"] and states.state(one) not in _ENDING]
    problem = None
    if guarded:
        problem = Refusal(
            "OperationNotPermitted",
            f"The instance '{guarded[0].id}' may not be terminated. Modify its 'disableApiTermination' instance "
            "attribute and try again.",
        )
        if ask.get("DryRun"):
            raise problem
        spared = {one.data["Placement"]["AvailabilityZone"] for one in guarded}
        things = [one for one in things if one.data["Placement"]["AvailabilityZone"] not in spared]
    ask.commit()
    changes = []
    for thing in things:
        before = states.state(thing)
        if before not in _ENDING:
            states.terminate(here, thing)
            spot.instance_gone(here, thing)
        changes.append(_change(thing, before))
    if problem:
        raise problem
    return {"TerminatingInstances": changes}


_ENDING = ("terminated", "shutting-down")

_ATTRIBUTES: dict[str, Callable[[Thing], dict[str, Any]]] = {
    "instanceType": lambda thing: {"InstanceType": {"Value": thing.data["InstanceType"]}},
    "kernel": lambda thing: {"KernelId": {}},
    "ramdisk": lambda thing: {"RamdiskId": {}},
    "userData": lambda thing: {"UserData": {"Value": thing.extra["user_data"]} if thing.extra["user_data"] else {}},
    "disableApiTermination": lambda thing: {"DisableApiTermination": {"Value": thing.extra["protected"]}},
    "disableApiStop": lambda thing: {"DisableApiStop": {"Value": thing.extra["stop_protected"]}},
    "instanceInitiatedShutdownBehavior": lambda thing: {
        "InstanceInitiatedShutdownBehavior": {"Value": thing.extra["shutdown"]}
    },
    "rootDeviceName": lambda thing: {"RootDeviceName": {"Value": thing.data["RootDeviceName"]}},
    "blockDeviceMapping": lambda thing: {"BlockDeviceMappings": thing.data["BlockDeviceMappings"]},
    "productCodes": lambda thing: {"ProductCodes": []},
    "sourceDestCheck": lambda thing: {"SourceDestCheck": {"Value": thing.data["SourceDestCheck"]}},
    "groupSet": lambda thing: {"Groups": thing.data["SecurityGroups"]},
    "ebsOptimized": lambda thing: {"EbsOptimized": {"Value": thing.data["EbsOptimized"]}},
    "sriovNetSupport": lambda thing: {"SriovNetSupport": {"Value": "simple"}},
    "enaSupport": lambda thing: {"EnaSupport": {"Value": thing.data["EnaSupport"]}},
    "enclaveOptions": lambda thing: {"EnclaveOptions": thing.data["EnclaveOptions"]},
}


def describe_instance_attribute(ask: Ask) -> dict[str, Any]:
    """DescribeInstanceAttribute."""
    (thing,) = pick_instances(ask, [ask.need("InstanceId")])
    name = ask.need("Attribute")
    if name not in _ATTRIBUTES:
        raise bad_value(name, "attribute", "Unknown attribute.")
    return {"InstanceId": thing.id, **_ATTRIBUTES[name](thing)}


def modify_instance_attribute(ask: Ask) -> dict[str, Any]:
    """ModifyInstanceAttribute, one attribute a call."""
    here = ask.here
    (thing,) = pick_instances(ask, [ask.need("InstanceId")])
    if states.state(thing) in ("terminated", "shutting-down"):
        raise Refusal("IncorrectInstanceState", f"The instance '{thing.id}' is {states.state(thing)}.")
    change = dict(ask.parameters)
    if "Attribute" in change:
        name = str(change["Attribute"])
        value = change.get("Value", "")
        change[name[0].upper() + name[1:]] = {"Value": value == "true" if value in ("true", "false") else value}
    effects: list[Any] = []
    if "InstanceType" in change:
        effects.append(_retype(here, thing, str(change["InstanceType"].get("Value", ""))))
    for name, where in (("DisableApiTermination", "protected"), ("DisableApiStop", "stop_protected")):
        if name in change:
            if name == "DisableApiTermination" and thing.data.get("InstanceLifecycle") == "spot":
                raise Refusal("UnsupportedOperation", "Termination protection is not supported for Spot Instances.")
            value = bool(change[name].get("Value"))
            effects.append(lambda where=where, value=value: thing.extra.__setitem__(where, value))
    if "InstanceInitiatedShutdownBehavior" in change:
        value = change["InstanceInitiatedShutdownBehavior"].get("Value")
        if value not in ("stop", "terminate"):
            raise Refusal("InvalidInstanceAttributeValue", f"'{value}' is not a shutdown behavior.")
        effects.append(lambda: thing.extra.__setitem__("shutdown", value))
    if "UserData" in change:
        _only_stopped(thing, "userData")
        effects.append(lambda: thing.extra.__setitem__("user_data", _text(change["UserData"].get("Value"))))
    for name in ("EbsOptimized", "EnaSupport"):
        if name in change:
            _only_stopped(thing, name[0].lower() + name[1:])
            effects.append(lambda name=name: thing.data.__setitem__(name, bool(change[name].get("Value"))))
    if "SourceDestCheck" in change:
        effects.append(lambda: thing.data.__setitem__("SourceDestCheck", bool(change["SourceDestCheck"].get("Value"))))
    if "Groups" in change:
        groups = network.groups_for(here, thing.data["VpcId"], list(change["Groups"]), [])
        effects.append(lambda: _regroup(thing, [{"GroupId": one.id, "GroupName": one.name} for one in groups]))
    if "BlockDeviceMappings" in change:
        effects.append(lambda: _remap(here, thing, change["BlockDeviceMappings"]))
    if not effects:
        raise missing("attribute")
    ask.commit()
    for effect in effects:
        effect()
    return {}


def _text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value or "")


def _only_stopped(thing: Thing, attribute: str) -> None:
    if states.state(thing) != "stopped":
        raise Refusal(
            "IncorrectInstanceState",
            f"The instance '{thing.id}' is not in the 'stopped' state: '{attribute}' can't be modified.",
        )


def _retype(here: Region, thing: Thing, name: str) -> Any:
    kind = types.details(name)
    if kind is None or name not in types.offered(here.name):
        raise Refusal("InvalidInstanceAttributeValue", f"Invalid value '{name}' for InstanceType.")
    _only_stopped(thing, "instanceType")
    if thing.data.get("InstanceLifecycle") == "spot":
        raise Refusal("UnsupportedOperation", "The instance type of a Spot Instance can't be modified.")
    if thing.data["Architecture"] not in kind["ProcessorInfo"]["SupportedArchitectures"]:
        raise Refusal(
            "InvalidParameterCombination",
            f"The architecture '{','.join(kind['ProcessorInfo']['SupportedArchitectures'])}' of the specified instance "
            f"type does not match the architecture '{thing.data['Architecture']}' of the instance.",
        )
    if kind["NetworkInfo"].get("EnaSupport") == "required" and not thing.data["EnaSupport"]:
        raise Refusal(
            "InvalidParameterCombination",
            f"Enhanced networking with the Elastic Network Adapter (ENA) is required for the '{name}' instance type. "
            f"Ensure that your instance {thing.id} is enabled for ENA.",
        )

    def apply() -> None:
        thing.data["InstanceType"] = name
        cores = kind["VCpuInfo"].get("DefaultCores") or kind["VCpuInfo"]["DefaultVCpus"]
        thing.data["CpuOptions"] = {
            "CoreCount": cores,
            "ThreadsPerCore": kind["VCpuInfo"].get("DefaultThreadsPerCore") or 1,
        }

    return apply


def _regroup(thing: Thing, groups: list[dict[str, str]]) -> None:
    thing.data["SecurityGroups"] = groups
    for interface in thing.data["NetworkInterfaces"]:
        interface["Groups"] = groups


def _remap(here: Region, thing: Thing, changes: list[Mapping[str, Any]]) -> None:
    for change in changes:
        for mapping in thing.data["BlockDeviceMappings"]:
            if mapping["DeviceName"] == change.get("DeviceName") and "DeleteOnTermination" in change.get("Ebs", {}):
                delete = bool(change["Ebs"]["DeleteOnTermination"])
                mapping["Ebs"]["DeleteOnTermination"] = delete
                for attachment in here.volumes[mapping["Ebs"]["VolumeId"]].data["Attachments"]:
                    attachment["DeleteOnTermination"] = delete


def modify_instance_metadata_options(ask: Ask) -> dict[str, Any]:
    """ModifyInstanceMetadataOptions."""
    (thing,) = pick_instances(ask, [ask.need("InstanceId")])
    ask.commit()
    options = thing.data["MetadataOptions"]
    options.update({name: ask.get(name) for name in options if name != "State" and ask.get(name) is not None})
    return {"InstanceId": thing.id, "InstanceMetadataOptions": options}


def monitor(ask: Ask) -> dict[str, Any]:
    """MonitorInstances and UnmonitorInstances."""
    things = pick_instances(ask, ask.need("InstanceIds"))
    ask.commit()
    on = ask.operation == "MonitorInstances"
    for thing in things:
        thing.data["Monitoring"] = {"State": "enabled" if on else "disabled"}
    word = "pending" if on else "disabling"
    return {"InstanceMonitorings": [{"InstanceId": one.id, "Monitoring": {"State": word}} for one in things]}


_STATUS_FILTERS: Table = {
    "attached-ebs-status.status": "AttachedEbsStatus.Status",
    "availability-zone": "AvailabilityZone",
    "event.code": "Events.Code",
    "event.description": "Events.Description",
    "event.instance-event-id": "Events.InstanceEventId",
    "event.not-after": "Events.NotAfter",
    "event.not-before": "Events.NotBefore",
    "event.not-before-deadline": "Events.NotBeforeDeadline",
    "instance-state-code": "InstanceState.Code",
    "instance-state-name": "InstanceState.Name",
    "instance-status.reachability": "InstanceStatus.Details.Status",
    "instance-status.status": "InstanceStatus.Status",
    "system-status.reachability": "SystemStatus.Details.Status",
    "system-status.status": "SystemStatus.Status",
}


def describe_instance_status(ask: Ask) -> dict[str, Any]:
    """DescribeInstanceStatus: of running ones, of all with IncludeAllInstances."""
    here = ask.here
    ids = ask.get("InstanceIds")
    if ids and ask.get("MaxResults") is not None:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    things = pick_instances(ask, ids) if ids else here.visible(here.instances.values())
    if not ask.get("IncludeAllInstances"):
        things = [thing for thing in things if states.state(thing) == "running"]
    rows = [_status(here, thing) for thing in things]
    for row, thing in zip(rows, things, strict=True):
        row["Tags"] = here.with_tags(thing)["Tags"]
    chosen, token = page(select(rows, ask.get("Filters"), _STATUS_FILTERS), ask.parameters, unasked=1000)
    return {"InstanceStatuses": chosen, "NextToken": token}


def _status(here: Region, thing: Thing) -> Item:
    running = states.state(thing) == "running"
    fresh = here.now() - thing.extra["running_since"] < here.settings.status
    checks: dict[str, dict[str, Any]] = {}
    for name, key in (("InstanceStatus", "instance"), ("SystemStatus", "system"), ("AttachedEbsStatus", "ebs")):
        impaired = thing.extra.get(f"impaired_{key}")
        if not running:
            checks[name] = {"Status": "not-applicable"}
        elif impaired:
            since = here.moment(impaired)
            checks[name] = {
                "Status": "impaired",
                "Details": [{"Name": "reachability", "Status": "failed", "ImpairedSince": since}],
            }
        elif fresh:
            checks[name] = {
                "Status": "initializing",
                "Details": [{"Name": "reachability", "Status": "initializing"}],
            }
        else:
            checks[name] = {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}
    return {
        "AvailabilityZone": thing.data["Placement"]["AvailabilityZone"],
        "Events": thing.extra["events"],
        "InstanceId": thing.id,
        "InstanceState": dict(thing.data["State"]),
        **checks,
        "Operator": {"Managed": False},
    }


def get_console_output(ask: Ask) -> dict[str, Any]:
    """GetConsoleOutput: a boot of its own for each instance."""
    here = ask.here
    (thing,) = pick_instances(ask, [ask.need("InstanceId")])
    if here.now() - thing.data["LaunchTime"].timestamp() < here.settings.status:
        return {"InstanceId": thing.id, "Timestamp": here.moment()}
    text = console(here, thing)
    return {
        "InstanceId": thing.id,
        "Output": base64.b64encode(text.encode()).decode(),
        "Timestamp": here.moment(),
    }


def console(here: Region, thing: Thing) -> str:
    """What a Linux instance writes while it boots; Windows writes less."""
    digest = hashlib.sha256(thing.id.encode()).hexdigest()
    if thing.data.get("Platform") == "windows":
        lines = [f"{here.moment(thing.extra['running_since']):%Y/%m/%d %H:%M:%SZ}: {text}" for text in (
            "Windows sysprep configuration complete.",
            f"Instance-ID: {thing.id}",
            "AMI-ID: " + thing.data["ImageId"],
            "RDPCERTIFICATE-SUBJECTNAME: EC2AMAZ-" + digest[:7].upper(),
            "Message: Windows is Ready to use",
        )]  # fmt: skip
        return "\r\n".join(lines) + "\r\n"
    name = "ip-" + str(thing.data.get("PrivateIpAddress", "0.0.0.0")).replace(".", "-")
    lines = [
        "[    0.000000] Linux version 6.1.155-176.282.amzn2023 (mockbuild@ip-10-0-52-11)",
        "[    0.000000] Command line: BOOT_IMAGE=(hd0,gpt1)/boot/vmlinuz root=UUID=" + digest[:8] + " ro console=ttyS0",
        "[    0.000000] DMI: Amazon EC2 " + thing.data["InstanceType"] + "/, BIOS 1.0 10/16/2017",
        "[    1.204511] EXT4-fs (nvme0n1p1): mounted filesystem with ordered data mode.",
        f"[  OK  ] Set hostname to <{name}>.",
        "[  OK  ] Started sshd.service - OpenSSH server daemon.",
        "ci-info: no authorized SSH keys fingerprints found for user root."
        if not thing.data.get("KeyName")
        else f"ci-info: Authorized keys from {thing.data['KeyName']} for user ec2-user",
        f"-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 SHA256:{digest[:43]} root@{name} (ED25519)",
        "-----END SSH HOST KEY FINGERPRINTS-----",
        *(f"[  {100 + n}.000000] reboot: Restarting system" for n in range(thing.extra.get("reboots", 0))),
        f"{name} login: ",
    ]
    return "\r\n".join(lines)


def get_console_screenshot(ask: Ask) -> dict[str, Any]:
    """GetConsoleScreenshot: of running ones; the picture is one white dot."""
    (thing,) = pick_instances(ask, [ask.need("InstanceId")])
    if states.state(thing) != "running":
        raise _wrong_state(thing, "pictured")
    return {"InstanceId": thing.id, "ImageData": _DOT}


_DOT = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////"
    "////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q=="
)


def get_password_data(ask: Ask) -> dict[str, Any]:
    """GetPasswordData: empty, as for an instance whose password nobody can read here."""
    (thing,) = pick_instances(ask, [ask.need("InstanceId")])
    return {"InstanceId": thing.id, "PasswordData": "", "Timestamp": ask.here.moment()}


def describe_credits(ask: Ask) -> dict[str, Any]:
    """DescribeInstanceCreditSpecifications: of burstable ones."""
    here = ask.here
    ids = ask.get("InstanceIds")
    things = pick_instances(ask, ids) if ids else here.visible(here.instances.values())
    rows = []
    for thing in things:
        family = re.match(r"t\d\w*", thing.data["InstanceType"])
        if not family or states.state(thing) == "terminated":
            continue
        rows.append(
            {
                "InstanceId": thing.id,
                "CpuCredits": thing.extra["credits"] or ("standard" if family[0] == "t2" else "unlimited"),
            }
        )
    chosen, token = page(rows, ask.parameters)
    return {"InstanceCreditSpecifications": chosen, "NextToken": token}


def describe_profile_associations(ask: Ask) -> dict[str, Any]:
    """DescribeIamInstanceProfileAssociations."""
    rows = [
        {
            "AssociationId": "iip-assoc-" + thing.id[2:],
            "InstanceId": thing.id,
            "IamInstanceProfile": thing.data["IamInstanceProfile"],
            "State": "associated",
        }
        for thing in ask.here.instances.values()
        if "IamInstanceProfile" in thing.data
    ]
    chosen = select(rows, ask.get("Filters"), {"instance-id": "InstanceId", "state": "State"})
    found, token = page(chosen, ask.parameters)
    return {"IamInstanceProfileAssociations": found, "NextToken": token}


def describe_connect_endpoints(ask: Ask) -> dict[str, Any]:
    """DescribeInstanceConnectEndpoints: the sandbox has none."""
    return {"InstanceConnectEndpoints": []}


HANDLERS: dict[str, Handler] = {
    "DescribeInstances": describe_instances,
    "StartInstances": start_instances,
    "StopInstances": stop_instances,
    "RebootInstances": reboot_instances,
    "TerminateInstances": terminate_instances,
    "DescribeInstanceAttribute": describe_instance_attribute,
    "ModifyInstanceAttribute": modify_instance_attribute,
    "ModifyInstanceMetadataOptions": modify_instance_metadata_options,
    "MonitorInstances": monitor,
    "UnmonitorInstances": monitor,
    "DescribeInstanceStatus": describe_instance_status,
    "GetConsoleOutput": get_console_output,
    "GetConsoleScreenshot": get_console_screenshot,
    "GetPasswordData": get_password_data,
    "DescribeInstanceCreditSpecifications": describe_credits,
    "DescribeIamInstanceProfileAssociations": describe_profile_associations,
    "DescribeInstanceConnectEndpoints": describe_connect_endpoints,
    **launching.HANDLERS,
}
