"""EC2's answers, made up once and given again and again: fleets as large as wanted, in the XML that EC2 sends.

An instance in its reservation takes 4.7 KB, an image 1.9 KB, a snapshot 0.7 KB: what real ones take, less the indents.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

_PLACES = {
    "ap": ("northeast-1", "northeast-2", "northeast-3", "south-1", "southeast-1", "southeast-2"),
    "ca": ("central-1",),
    "eu": ("central-1", "north-1", "west-1", "west-2", "west-3"),
    "sa": ("east-1",),
    "us": ("east-1", "east-2", "west-1", "west-2"),
}

REGIONS = [f"{area}-{place}" for area, places in _PLACES.items() for place in places]
"""The seventeen that every account has."""

PAGE = 1000
"""Elements on a page, EC2's most."""

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"

TYPES = ("t3.micro", "t3.large", "m6i.xlarge", "c7g.2xlarge", "r6i.large")
STATES = ((16, "running"), (16, "running"), (16, "running"), (80, "stopped"))


def answer(body: bytes, region: str, fleet: int) -> bytes:
    """The XML for a request's ``body`` when there are ``fleet`` resources of each kind in ``region``.

    ``Filter.n`` of ``instance-id`` and of ``tag:Name`` narrow instances; other filters are not looked at.
    """
    params = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    action = params["Action"]
    if action == "DescribeRegions":
        return regions()
    if action not in KINDS:
        raise LookupError(action)
    wanted = _wanted(params)
    if wanted is not None:
        return _narrowed(region, fleet, *wanted)
    return page(action, region, fleet, int(params.get("NextToken") or 0))


@functools.cache
def page(action: str, region: str, fleet: int, start: int) -> bytes:
    """The elements from ``start`` on, a page of them, with the token of the next page when there is one."""
    container, element = KINDS[action]
    stop = min(start + PAGE, fleet)
    inner = "".join(element(region, number) for number in range(start, stop))
    token = f"    <nextToken>{stop}</nextToken>\n" if stop < fleet else ""
    return _document(action, f"    <{container}>\n{inner}    </{container}>\n{token}")


@functools.cache
def regions() -> bytes:
    """All regions, enabled."""
    inner = "".join(
        f"<item><regionName>{name}</regionName><regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
        "<optInStatus>opt-in-not-required</optInStatus></item>"
        for name in REGIONS
    )
    return _document("DescribeRegions", f"<regionInfo>{inner}</regionInfo>")


def _document(action: str, inner: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{NAMESPACE}">\n'
        f"    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>\n{inner}</{action}Response>"
    ).encode()


def _wanted(params: Mapping[str, str]) -> tuple[str, str] | None:
    for number in itertools.count(1):
        name = params.get(f"Filter.{number}.Name")
        if name is None:
            return None
        if name in ("instance-id", "tag:Name"):
            return name, params[f"Filter.{number}.Value.1"]
    return None


def _narrowed(region: str, fleet: int, name: str, value: str) -> bytes:
    known = (_id("i", region, number) if name == "instance-id" else _name(region, number) for number in range(fleet))
    found = (instance(region, number) for number, each in enumerate(known) if each == value)
    return _document("DescribeInstances", f"<reservationSet>{''.join(found)}</reservationSet>")


def _id(prefix: str, region: str, number: int) -> str:
    return f"{prefix}-{REGIONS.index(region):05x}{number:012x}"


def _name(region: str, number: int) -> str:
    return f"web-{region}-{number}"


def _flat(text: str) -> str:
    return INDENT.sub("\n", text)


INDENT = re.compile(r"\n +")


def _tags(region: str, number: int) -> str:
    tags = {
        "Name": _name(region, number),
        "env": ("dev", "test", "prod")[number % 3],
        "team": ("payments", "search", "platform")[number % 3],
        "aws:autoscaling:groupName": f"asg-{number % 50}",
        "cost-center": f"{4000 + number % 20}",
    }
    return "".join(f"<item>\n<key>{key}</key>\n<value>{value}</value>\n</item>\n" for key, value in tags.items())


def instance(region: str, number: int) -> str:
    """A running or stopped instance, alone in its reservation."""
    code, state = STATES[number % len(STATES)]
    made = {
        "region": region,
        "zone": f"{region}{'abc'[number % 3]}",
        "id": _id("i", region, number),
        "reservation": _id("r", region, number),
        "volume": _id("vol", region, number),
        "eni": _id("eni", region, number),
        "attachment": _id("eni-attach", region, number),
        "code": code,
        "state": state,
        "type": TYPES[number % len(TYPES)],
        "private": f"10.0.{number // 250 % 250}.{number % 250}",
        "dashed": f"10-0-{number // 250 % 250}-{number % 250}",
        "public": f"54.{number // 62500 % 250}.{number // 250 % 250}.{number % 250}",
        "token": f"b3a2c1d4-0000-4000-8000-{number:012x}",
        "tags": _tags(region, number),
    }
    return _flat(INSTANCE.format_map(made))


def image(region: str, number: int) -> str:
    """An image of two volumes."""
    made = {
        "id": _id("ami", region, number),
        "snapshot": _id("snap", region, number),
        "name": _name(region, number),
        "tags": _tags(region, number),
    }
    return _flat(IMAGE.format_map(made))


def snapshot(region: str, number: int) -> str:
    """A completed snapshot."""
    made = {
        "id": _id("snap", region, number),
        "volume": _id("vol", region, number),
        "tags": _tags(region, number),
    }
    return _flat(SNAPSHOT.format_map(made))


KINDS: Mapping[str, tuple[str, Callable[[str, int], str]]] = {
    "DescribeInstances": ("reservationSet", instance),
    "DescribeImages": ("imagesSet", image),
    "DescribeSnapshots": ("snapshotSet", snapshot),
}

INSTANCE = """\
        <item>
            <reservationId>{reservation}</reservationId>
            <ownerId>123456789012</ownerId>
            <groupSet/>
            <instancesSet>
                <item>
                    <instanceId>{id}</instanceId>
                    <imageId>ami-0abcdef1234567890</imageId>
                    <instanceState>
                        <code>{code}</code>
                        <name>{state}</name>
                    </instanceState>
                    <privateDnsName>ip-{dashed}.{region}.compute.internal</privateDnsName>
                    <dnsName>ec2-{dashed}.{region}.compute.amazonaws.com</dnsName>
                    <reason/>
                    <keyName>deploy</keyName>
                    <amiLaunchIndex>0</amiLaunchIndex>
                    <productCodes/>
                    <instanceType>{type}</instanceType>
                    <launchTime>2026-10-12T08:15:30.000Z</launchTime>
                    <placement>
                        <availabilityZone>{zone}</availabilityZone>
                        <availabilityZoneId>use1-az1</availabilityZoneId>
                        <groupName/>
                        <tenancy>default</tenancy>
                    </placement>
                    <monitoring>
                        <state>disabled</state>
                    </monitoring>
                    <subnetId>subnet-0123456789abcdef0</subnetId>
                    <vpcId>vpc-0123456789abcdef0</vpcId>
                    <privateIpAddress>{private}</privateIpAddress>
                    <ipAddress>{public}</ipAddress>
                    <sourceDestCheck>true</sourceDestCheck>
                    <groupSet>
                        <item>
                            <groupId>sg-0123456789abcdef0</groupId>
                            <groupName>web</groupName>
                        </item>
                    </groupSet>
                    <architecture>x86_64</architecture>
                    <rootDeviceType>ebs</rootDeviceType>
                    <rootDeviceName>/dev/xvda</rootDeviceName>
                    <blockDeviceMapping>
                        <item>
                            <deviceName>/dev/xvda</deviceName>
                            <ebs>
                                <volumeId>{volume}</volumeId>
                                <status>attached</status>
                                <attachTime>2026-10-12T08:15:31.000Z</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </ebs>
                        </item>
                    </blockDeviceMapping>
                    <virtualizationType>hvm</virtualizationType>
                    <clientToken>{token}</clientToken>
                    <tagSet>
{tags}                    </tagSet>
                    <hypervisor>xen</hypervisor>
                    <networkInterfaceSet>
                        <item>
                            <networkInterfaceId>{eni}</networkInterfaceId>
                            <subnetId>subnet-0123456789abcdef0</subnetId>
                            <vpcId>vpc-0123456789abcdef0</vpcId>
                            <description/>
                            <ownerId>123456789012</ownerId>
                            <status>in-use</status>
                            <macAddress>02:7b:1f:2c:3d:4e</macAddress>
                            <privateIpAddress>{private}</privateIpAddress>
                            <privateDnsName>ip-{dashed}.{region}.compute.internal</privateDnsName>
                            <sourceDestCheck>true</sourceDestCheck>
                            <groupSet>
                                <item>
                                    <groupId>sg-0123456789abcdef0</groupId>
                                    <groupName>web</groupName>
                                </item>
                            </groupSet>
                            <attachment>
                                <attachmentId>{attachment}</attachmentId>
                                <deviceIndex>0</deviceIndex>
                                <networkCardIndex>0</networkCardIndex>
                                <status>attached</status>
                                <attachTime>2026-10-12T08:15:30.000Z</attachTime>
                                <deleteOnTermination>true</deleteOnTermination>
                            </attachment>
                            <association>
                                <publicIp>{public}</publicIp>
                                <publicDnsName>ec2-{dashed}.{region}.compute.amazonaws.com</publicDnsName>
                                <ipOwnerId>amazon</ipOwnerId>
                            </association>
                            <privateIpAddressesSet>
                                <item>
                                    <privateIpAddress>{private}</privateIpAddress>
                                    <privateDnsName>ip-{dashed}.{region}.compute.internal</privateDnsName>
                                    <primary>true</primary>
                                    <association>
                                        <publicIp>{public}</publicIp>
                                        <publicDnsName>ec2-{dashed}.{region}.compute.amazonaws.com</publicDnsName>
                                        <ipOwnerId>amazon</ipOwnerId>
                                    </association>
                                </item>
                            </privateIpAddressesSet>
                            <ipv6AddressesSet/>
                            <interfaceType>interface</interfaceType>
                        </item>
                    </networkInterfaceSet>
                    <ebsOptimized>true</ebsOptimized>
                    <enaSupport>true</enaSupport>
                    <cpuOptions>
                        <coreCount>1</coreCount>
                        <threadsPerCore>2</threadsPerCore>
                    </cpuOptions>
                    <capacityReservationSpecification>
                        <capacityReservationPreference>open</capacityReservationPreference>
                    </capacityReservationSpecification>
                    <hibernationOptions>
                        <configured>false</configured>
                    </hibernationOptions>
                    <metadataOptions>
                        <state>applied</state>
                        <httpTokens>required</httpTokens>
                        <httpPutResponseHopLimit>2</httpPutResponseHopLimit>
                        <httpEndpoint>enabled</httpEndpoint>
                        <httpProtocolIpv6>disabled</httpProtocolIpv6>
                        <instanceMetadataTags>disabled</instanceMetadataTags>
                    </metadataOptions>
                    <enclaveOptions>
                        <enabled>false</enabled>
                    </enclaveOptions>
                    <bootMode>uefi-preferred</bootMode>
                    <platformDetails>Linux/UNIX</platformDetails>
                    <usageOperation>RunInstances</usageOperation>
                    <usageOperationUpdateTime>2026-10-12T08:15:30.000Z</usageOperationUpdateTime>
                    <privateDnsNameOptions>
                        <hostnameType>ip-name</hostnameType>
                        <enableResourceNameDnsARecord>false</enableResourceNameDnsARecord>
                        <enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord>
                    </privateDnsNameOptions>
                    <maintenanceOptions>
                        <autoRecovery>default</autoRecovery>
                        <rebootMigration>default</rebootMigration>
                    </maintenanceOptions>
                    <currentInstanceBootMode>uefi</currentInstanceBootMode>
                </item>
            </instancesSet>
        </item>
"""

IMAGE = """\
        <item>
            <imageId>{id}</imageId>
            <imageLocation>123456789012/{name}</imageLocation>
            <imageState>available</imageState>
            <imageOwnerId>123456789012</imageOwnerId>
            <isPublic>false</isPublic>
            <architecture>x86_64</architecture>
            <imageType>machine</imageType>
            <name>{name}</name>
            <description>built by the pipeline</description>
            <rootDeviceType>ebs</rootDeviceType>
            <rootDeviceName>/dev/xvda</rootDeviceName>
            <blockDeviceMapping>
                <item>
                    <deviceName>/dev/xvda</deviceName>
                    <ebs>
                        <snapshotId>{snapshot}</snapshotId>
                        <volumeSize>8</volumeSize>
                        <deleteOnTermination>true</deleteOnTermination>
                        <volumeType>gp3</volumeType>
                        <iops>3000</iops>
                        <throughput>125</throughput>
                        <encrypted>false</encrypted>
                    </ebs>
                </item>
                <item>
                    <deviceName>/dev/sdb</deviceName>
                    <ebs>
                        <snapshotId>{snapshot}</snapshotId>
                        <volumeSize>100</volumeSize>
                        <deleteOnTermination>true</deleteOnTermination>
                        <volumeType>gp3</volumeType>
                        <iops>3000</iops>
                        <throughput>125</throughput>
                        <encrypted>false</encrypted>
                    </ebs>
                </item>
            </blockDeviceMapping>
            <virtualizationType>hvm</virtualizationType>
            <tagSet>
{tags}            </tagSet>
            <hypervisor>xen</hypervisor>
            <sriovNetSupport>simple</sriovNetSupport>
            <enaSupport>true</enaSupport>
            <bootMode>uefi-preferred</bootMode>
            <imdsSupport>v2.0</imdsSupport>
            <creationDate>2026-09-01T10:00:00.000Z</creationDate>
            <deprecationTime>2028-09-01T10:00:00.000Z</deprecationTime>
            <platformDetails>Linux/UNIX</platformDetails>
            <usageOperation>RunInstances</usageOperation>
            <sourceImageId>ami-0fedcba9876543210</sourceImageId>
            <sourceImageRegion>us-east-1</sourceImageRegion>
        </item>
"""

SNAPSHOT = """\
        <item>
            <snapshotId>{id}</snapshotId>
            <volumeId>{volume}</volumeId>
            <status>completed</status>
            <startTime>2026-10-12T08:15:30.123Z</startTime>
            <completionTime>2026-10-12T08:25:30.456Z</completionTime>
            <progress>100%</progress>
            <ownerId>123456789012</ownerId>
            <volumeSize>8</volumeSize>
            <description>nightly</description>
            <tagSet>
{tags}            </tagSet>
            <encrypted>false</encrypted>
            <storageTier>standard</storageTier>
        </item>
"""
