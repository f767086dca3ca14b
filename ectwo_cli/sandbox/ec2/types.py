"""Instance types, their offerings, and what fits what."""

from __future__ import annotations

from functools import cache
from typing import Any

from ectwo_cli.sandbox import delegate, geography
from ectwo_cli.sandbox.asking import Ask, Handler
from ectwo_cli.sandbox.filters import Item, Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value, missing


def details(name: str) -> dict[str, Any] | None:
    """What EC2 tells about a type; None for none of that name."""
    found: dict[str, Any] | None = delegate.instance_types().get(name)
    return found


@cache
def offered(region: str) -> dict[str, list[str]]:
    """The types that a region offers, each with its zones; those of us-east-2 where moto has no data for the region."""
    table: dict[str, list[str]] = {}
    good = set(geography.zones(region))
    for row in delegate.offerings(region):
        if row["Location"] in good and row["InstanceType"] in delegate.instance_types():
            table.setdefault(row["InstanceType"], []).append(row["Location"])
    if not table:
        return {name: geography.zones(region) for name in offered("us-east-2")}
    return {name: sorted(zones) for name, zones in sorted(table.items())}


_TYPE_FILTERS: Table = {
    "auto-recovery-supported": "AutoRecoverySupported",
    "bare-metal": "BareMetal",
    "burstable-performance-supported": "BurstablePerformanceSupported",
    "current-generation": "CurrentGeneration",
    "dedicated-hosts-supported": "DedicatedHostsSupported",
    "ebs-info.attachment-limit-type": "EbsInfo.AttachmentLimitType",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps": "EbsInfo.EbsOptimizedInfo.BaselineBandwidthInMbps",
    "ebs-info.ebs-optimized-info.baseline-iops": "EbsInfo.EbsOptimizedInfo.BaselineIops",
    "ebs-info.ebs-optimized-info.maximum-iops": "EbsInfo.EbsOptimizedInfo.MaximumIops",
    "ebs-info.ebs-optimized-support": "EbsInfo.EbsOptimizedSupport",
    "ebs-info.encryption-support": "EbsInfo.EncryptionSupport",
    "ebs-info.maximum-ebs-attachments": "EbsInfo.MaximumEbsAttachments",
    "ebs-info.nvme-support": "EbsInfo.NvmeSupport",
    "free-tier-eligible": "FreeTierEligible",
    "hibernation-supported": "HibernationSupported",
    "hypervisor": "Hypervisor",
    "instance-storage-info.disk.count": "InstanceStorageInfo.Disks.Count",
    "instance-storage-info.disk.size-in-gb": "InstanceStorageInfo.Disks.SizeInGB",
    "instance-storage-info.disk.type": "InstanceStorageInfo.Disks.Type",
    "instance-storage-info.nvme-support": "InstanceStorageInfo.NvmeSupport",
    "instance-storage-info.total-size-in-gb": "InstanceStorageInfo.TotalSizeInGB",
    "instance-storage-supported": "InstanceStorageSupported",
    "instance-type": "InstanceType",
    "memory-info.size-in-mib": "MemoryInfo.SizeInMiB",
    "network-info.efa-supported": "NetworkInfo.EfaSupported",
    "network-info.ena-support": "NetworkInfo.EnaSupport",
    "network-info.encryption-in-transit-supported": "NetworkInfo.EncryptionInTransitSupported",
    "network-info.ipv4-addresses-per-interface": "NetworkInfo.Ipv4AddressesPerInterface",
    "network-info.ipv6-supported": "NetworkInfo.Ipv6Supported",
    "network-info.maximum-network-interfaces": "NetworkInfo.MaximumNetworkInterfaces",
    "network-info.network-performance": "NetworkInfo.NetworkPerformance",
    "nitro-enclaves-support": "NitroEnclavesSupport",
    "nitro-tpm-support": "NitroTpmSupport",
    "processor-info.supported-architecture": "ProcessorInfo.SupportedArchitectures",
    "processor-info.sustained-clock-speed-in-ghz": "ProcessorInfo.SustainedClockSpeedInGhz",
    "processor-info.supported-features": "ProcessorInfo.SupportedFeatures",
    "supported-boot-mode": "SupportedBootModes",
    "supported-root-device-type": "SupportedRootDeviceTypes",
    "supported-usage-class": "SupportedUsageClasses",
    "supported-virtualization-type": "SupportedVirtualizationTypes",
    "vcpu-info.default-cores": "VCpuInfo.DefaultCores",
    "vcpu-info.default-threads-per-core": "VCpuInfo.DefaultThreadsPerCore",
    "vcpu-info.default-vcpus": "VCpuInfo.DefaultVCpus",
    "vcpu-info.valid-cores": "VCpuInfo.ValidCores",
}


def describe_instance_types(ask: Ask) -> dict[str, Any]:
    """DescribeInstanceTypes: those that the region offers, 100 a page at most."""
    here = offered(ask.here.name)
    names = ask.get("InstanceTypes")
    if names:
        if ask.get("MaxResults") is not None:
            raise Refusal(
                "InvalidParameterCombination",
                "The parameter InstanceTypes cannot be used with the parameter MaxResults",
            )
        unknown = [name for name in names if name not in here]
        if unknown:
            raise Refusal(
                "InvalidInstanceType", f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
            )
    chosen = [delegate.instance_types()[name] for name in (names or here)]
    rows, token = page(select(chosen, ask.get("Filters"), _TYPE_FILTERS), ask.parameters, most=100, unasked=100)
    return {"InstanceTypes": rows, "NextToken": token}


def describe_instance_type_offerings(ask: Ask) -> dict[str, Any]:
    """DescribeInstanceTypeOfferings by region, zone or zone ID."""
    kind = ask.get("LocationType", "region")
    table = offered(ask.here.name)
    if kind == "region":
        rows = [{"InstanceType": name, "LocationType": kind, "Location": ask.here.name} for name in table]
    elif kind in ("availability-zone", "availability-zone-id"):
        names = zone_ids(ask) if kind.endswith("id") else {zone: zone for zone in geography.zones(ask.here.name)}
        rows = [
            {"InstanceType": name, "LocationType": kind, "Location": names[zone]}
            for name, zones in table.items()
            for zone in zones
        ]
    else:
        raise bad_value(kind, "LocationType")
    filters: Table = {"instance-type": "InstanceType", "location": "Location"}
    chosen, token = page(select(rows, ask.get("Filters"), filters), ask.parameters, unasked=1000)
    return {"InstanceTypeOfferings": chosen, "NextToken": token}


def zone_ids(ask: Ask) -> dict[str, str]:
    """The ID of each zone of the region."""
    answer = delegate.call(ask.here, "DescribeAvailabilityZones", {})
    return {zone["ZoneName"]: zone["ZoneId"] for zone in answer["AvailabilityZones"]}


def get_types_from_requirements(ask: Ask) -> dict[str, Any]:
    """GetInstanceTypesFromInstanceRequirements."""
    architectures = set(ask.need("ArchitectureTypes"))
    virtualization = set(ask.need("VirtualizationTypes"))
    needs = ask.need("InstanceRequirements")
    for name in ("VCpuCount", "MemoryMiB"):
        if "Min" not in needs.get(name, {}):
            raise missing(f"InstanceRequirements.{name}")
    names = [
        name for name in offered(ask.here.name) if _meets(details(name) or {}, needs, architectures, virtualization)
    ]
    rows, token = page([{"InstanceType": name} for name in names], ask.parameters, least=1, unasked=1000)
    return {"InstanceTypes": rows, "NextToken": token}


def _within(limits: dict[str, Any] | None, value: float) -> bool:
    low, high = (limits or {}).get("Min"), (limits or {}).get("Max")
    return (low is None or value >= low) and (high is None or value <= high)


def _meets(kind: Item, needs: dict[str, Any], architectures: set[str], virtualization: set[str]) -> bool:
    from ectwo_cli.sandbox.filters import matches

    name = kind["InstanceType"]
    cpu = kind["VCpuInfo"]["DefaultVCpus"]
    memory = kind["MemoryInfo"]["SizeInMiB"]
    makers = {"Intel": "intel", "AMD": "amd", "AWS": "amazon-web-services", "Apple": "apple"}
    maker = makers.get(kind["ProcessorInfo"].get("Manufacturer", ""), "intel")
    generation = "current" if kind.get("CurrentGeneration") else "previous"
    checks = (
        architectures & set(kind["ProcessorInfo"]["SupportedArchitectures"]),
        virtualization & set(kind["SupportedVirtualizationTypes"]),
        _within(needs["VCpuCount"], cpu),
        _within(needs["MemoryMiB"], memory),
        _within(needs.get("MemoryGiBPerVCpu"), memory / 1024 / cpu),
        not needs.get("CpuManufacturers") or maker in needs["CpuManufacturers"],
        not needs.get("InstanceGenerations") or generation in needs["InstanceGenerations"],
        not needs.get("AllowedInstanceTypes") or matches(needs["AllowedInstanceTypes"], [name]),
        not matches(needs.get("ExcludedInstanceTypes", ()), [name]),
        _included(needs.get("BareMetal", "excluded"), bool(kind.get("BareMetal"))),
        _included(needs.get("BurstablePerformance", "excluded"), bool(kind.get("BurstablePerformanceSupported"))),
        _included(needs.get("LocalStorage", "included"), bool(kind.get("InstanceStorageSupported"))),
        # Asked for nothing, EC2 leaves out accelerated types only when a count of 0 is asked for.
        _within(needs.get("AcceleratorCount"), sum(g.get("Count", 0) for g in kind.get("GpuInfo", {}).get("Gpus", ()))),
    )
    return all(checks)


def _included(wish: str, has: bool) -> bool:
    return {"included": True, "excluded": not has, "required": has}[wish]


HANDLERS: dict[str, Handler] = {
    "DescribeInstanceTypes": describe_instance_types,
    "DescribeInstanceTypeOfferings": describe_instance_type_offerings,
    "GetInstanceTypesFromInstanceRequirements": get_types_from_requirements,
}
