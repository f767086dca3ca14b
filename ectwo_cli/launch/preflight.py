"""Checks before anything is launched: each a pure function of what is wanted and what the region says.

A rule yields what is wrong, each with the fix named. What could not be found out is no problem: EC2 will say.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from ectwo_cli.errors import EctwoError, NotFound, UsageError
from ectwo_cli.launch import aliases
from ectwo_cli.launch.choice import is_windows, near
from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.fit import architecture, misfits
from ectwo_cli.launch.placement import (
    default_subnets,
    default_vpc,
    groups_meant,
    in_vpc,
    placement,
    subnets_named,
)
from ectwo_cli.launch.wanted import Problem, Wanted
from ectwo_cli.model import Raw, name_of, tags_of

Rule = Callable[[Wanted, Facts], Iterator[Problem]]

MOST_USER_DATA = 16 * 1024
"""Bytes of user data that EC2 takes, before they are encoded."""
MOST_TAGS = 50
LOG_IN = {False: (22, "SSH"), True: (3389, "RDP")}
"""The port and name of how one logs in, by whether it is Windows."""


def check(wanted: Wanted, facts: Facts) -> list[Problem]:
    """All that is wrong, in the order of ``RULES``."""
    return [problem for rule in RULES for problem in rule(wanted, facts)]


# The image


def image_exists(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The image is there, in this region."""
    if facts.image_error is not None:
        yield Problem(facts.image_error.message, facts.image_error.hint, type(facts.image_error))


def image_available(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """It is ready to be launched."""
    state = (facts.image or {}).get("State", "available")
    if facts.image is None or state == "available":
        return
    id = facts.image["ImageId"]
    fixes = {
        "pending": f"it is being made; 'ectwo images watch --where id={id} -r {facts.region}' shows when it is ready",
        "disabled": f"its owner can enable it: 'aws ec2 enable-image --region {facts.region} --image-id {id}'",
    }
    reason = facts.image.get("StateReason", {}).get("Message")
    why = f": {reason}" if reason else ""
    yield Problem(f"image {id} is {state}, not available{why}", fixes.get(state, "take another image"))


# The type


def type_exists(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The type is one, and this region has it."""
    if wanted.type is None:
        if facts.image is not None:
            kind = facts.image.get("Architecture")
            yield Problem(
                f"no small {kind} type that fits image {facts.image['ImageId']} is to be had in {facts.region}",
                "choose one with --type",
                UsageError,
            )
        return
    if facts.types is None or wanted.type in facts.types:
        return
    yield Problem(f"no instance type {wanted.type} in {facts.region}", _instead(wanted.type, facts), NotFound)


def type_fits_image(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """Architecture, virtualization, boot mode, network adapter, root device and TPM agree."""
    kind = (facts.types or {}).get(wanted.type or "")
    if facts.image is None or kind is None:
        return
    for misfit in misfits(facts.image, kind):
        fix = None
        if misfit == architecture(facts.image, kind):
            fix = _other_architecture(wanted, facts.image, kind)
        yield Problem(f"{wanted.type} {misfit}", fix or "choose another --type or --image")


def type_offered_in_zone(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The zone that it would land in has the type."""
    if wanted.type is None or facts.offered is None or wanted.type not in (facts.types or {}):
        return
    zones = facts.offered.get(wanted.type, ())
    if not zones:
        yield Problem(f"{wanted.type} is not offered in {facts.region}", _instead(wanted.type, facts))
        return
    there = placement(wanted, facts)
    if there.zone is not None:
        known = {each.get("AvailabilityZone") for each in facts.subnets or ()}
        # Of a zone that is none, another rule tells.
        if there.zone not in zones and (there.zone in known or not known):
            yield Problem(
                f"{wanted.type} is not offered in {there.zone}",
                f"{facts.region} has it in {', '.join(zones)}; {_instead(wanted.type, facts, there.zone)}",
            )
        return
    reachable = {each.get("AvailabilityZone") for each in default_subnets(facts)}
    if reachable and not reachable & set(zones):
        yield Problem(
            f"{wanted.type} is offered in {', '.join(zones)} alone, where the default VPC has no default subnet",
            f"name a subnet there with --subnet, or make a default one: "
            f"'aws ec2 create-default-subnet --region {facts.region} --availability-zone {zones[0]}'",
        )


def spot_possible(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The type is to be had as spot, and what else is wanted goes with it."""
    if wanted.market is None:
        return
    usage = (facts.types or {}).get(wanted.type or "", {}).get("SupportedUsageClasses")
    if usage and "spot" not in usage:
        yield Problem(f"{wanted.type} is not to be had as spot", "leave --spot out, or choose another --type")
    if wanted.protect:
        yield Problem("EC2 does not protect spot instances from termination", "leave --protect out", UsageError)
    if (
        wanted.market.interruption == "hibernate"
        and (facts.types or {}).get(wanted.type or "", {}).get("HibernationSupported") is False
    ):
        yield Problem(f"{wanted.type} can't hibernate", "say --interruption stop, or choose another --type")


# Key and groups


def key_exists(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The key pair is there: keys are of one region."""
    if wanted.key is None or facts.keys is None or wanted.key in facts.keys:
        return
    close = difflib.get_close_matches(wanted.key, facts.keys, n=3, cutoff=0.6)
    make = f"make it: 'ectwo keypairs create {wanted.key} --region {facts.region}'"
    if wanted.origin:
        make = f"--copy-key brings the public key of {wanted.origin} along; --key takes another"
    yield Problem(
        f"no key pair {wanted.key} in {facts.region}",
        f"did you mean {' or '.join(close)}? Or {make}" if close else make,
        NotFound,
    )


def groups_exist(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """Each security group is there, and in the VPC of the subnet."""
    if facts.groups is None:
        return
    where = placement(wanted, facts)
    for said in wanted.groups:
        bearing = [each for each in facts.groups if said in (each["GroupId"], each["GroupName"])]
        if not bearing:
            make = f"'ectwo groups find --region {facts.region}' lists them"
            if not said.startswith("sg-"):
                make = f"{make}, 'ectwo groups create {said} --region {facts.region}' makes it"
                if wanted.origin:
                    make = f"--copy-groups brings those of {wanted.origin} along; --group takes others"
            yield Problem(f"no security group {said} in {facts.region}", make, NotFound)
        elif not in_vpc(bearing, where.vpc_id):
            others = sorted({str(each.get("VpcId")) for each in bearing})
            there = [each["SubnetId"] for each in facts.subnets or () if each.get("VpcId") in others]
            target = where.subnet["SubnetId"] if where.subnet else "the default subnet"
            yield Problem(
                f"security group {said} is in {', '.join(others)}, and {target} is in {where.vpc_id}",
                f"name a subnet of that VPC with --subnet ({_some(there)}), or a group of {where.vpc_id}"
                if there
                else f"name a group of {where.vpc_id}",
            )


# Network


def subnet_exists(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The subnet is there, once."""
    if wanted.subnet is None or facts.subnets is None:
        return
    named = subnets_named(wanted, facts)
    if not named:
        have = _some([each["SubnetId"] for each in facts.subnets])
        yield Problem(f"no subnet {wanted.subnet} in {facts.region}", f"there are: {have}" if have else None, NotFound)
    elif len(named) > 1:
        names = ", ".join(each["SubnetId"] for each in named)
        yield Problem(f"{len(named)} subnets are named {wanted.subnet!r}: {names}", "name one by its ID", UsageError)


def subnet_in_zone(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """Subnet and zone agree, where both were said."""
    where = placement(wanted, facts)
    if wanted.zone is None or where.subnet is None or where.zone == wanted.zone:
        return
    others = [
        each["SubnetId"]
        for each in facts.subnets or ()
        if each.get("AvailabilityZone") == wanted.zone and each.get("VpcId") == where.vpc_id
    ]
    also = f", or take {_some(others)}, which is there" if others else ""
    yield Problem(
        f"subnet {where.subnet['SubnetId']} is in {where.zone}, not in {wanted.zone}", f"leave --zone out{also}"
    )


def network_there(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """There is a default VPC, and a default subnet in the zone, where no subnet was said."""
    if wanted.subnet is not None or facts.vpcs is None:
        return
    if default_vpc(facts) is None:
        have = _some([_subnet_label(each) for each in facts.subnets or ()])
        make = f"make a default one: 'aws ec2 create-default-vpc --region {facts.region}'"
        yield Problem(
            f"{facts.region} has no default VPC, so a subnet has to be named",
            f"say --subnet with one of: {have}" if have else make,
        )
        return
    if wanted.zone is None or facts.subnets is None or placement(wanted, facts).subnet is not None:
        return
    zones = sorted({str(each.get("AvailabilityZone")) for each in default_subnets(facts)})
    others = [_subnet_label(each) for each in facts.subnets if each.get("AvailabilityZone") == wanted.zone]
    if not wanted.zone.startswith(facts.region):
        yield Problem(f"{wanted.zone} is no zone of {facts.region}", f"it has {_some(zones, 12)}", UsageError)
        return
    fix = f"the default VPC has subnets in {_some(zones, 12)}" if zones else "name a subnet with --subnet"
    if others:
        fix = f"{fix}; {_some(others)} {'is' if len(others) == 1 else 'are'} in {wanted.zone}: name one with --subnet"
    yield Problem(f"the default VPC has no default subnet in {wanted.zone}", fix)


def addresses_left(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The subnet has an address for each instance."""
    subnet = placement(wanted, facts).subnet
    left = subnet.get("AvailableIpAddressCount") if subnet else None
    if subnet is None or left is None or left >= wanted.count:
        return
    yield Problem(
        f"subnet {subnet['SubnetId']} has {left} addresses left, and {wanted.count} are needed",
        "take another --subnet, or launch fewer",
    )


# Volumes, user data, tags, profile, quota


def volume_large_enough(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The root volume holds the image."""
    root = root_device(facts.image) if facts.image else None
    if wanted.volume_size is None or facts.image is None:
        return
    if root is None:
        yield Problem(
            f"image {facts.image['ImageId']} has no root volume on EBS to give a size to",
            "leave --volume-size out, or take an image whose root is on EBS",
        )
        return
    least = root["Ebs"].get("VolumeSize")
    if least is not None and wanted.volume_size < least:
        yield Problem(
            f"a root volume of {wanted.volume_size} GiB does not hold the image, which has {least} GiB",
            f"say --volume-size {least} or more",
        )


def volume_speed(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """io1 and io2 have to be told their IOPS; the plain ones take none."""
    if wanted.volume_type in ("io1", "io2") and wanted.iops is None:
        yield Problem(f"{wanted.volume_type} volumes have to be told how fast", "say --iops, as in 3000", UsageError)
    if wanted.iops is not None and wanted.volume_type in ("gp2", "standard"):
        yield Problem(f"{wanted.volume_type} volumes take no --iops", "say --volume-type gp3", UsageError)


def user_data_fits(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """No more than EC2 takes."""
    if wanted.user_data is not None and len(wanted.user_data) > MOST_USER_DATA:
        yield Problem(
            f"user data of {len(wanted.user_data)} bytes is more than EC2's {MOST_USER_DATA}",
            "compress it with gzip, which cloud-init reads, or let a short script fetch the rest",
            UsageError,
        )


def tags_allowed(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """Tags are within EC2's limits."""
    tags = all_tags(wanted, facts.image)
    if len(tags) > MOST_TAGS:
        inherited = len(tags) - len(wanted.tags)
        fix = f"{inherited} of them are the image's: --no-image-tags leaves them out" if inherited else "give fewer"
        yield Problem(f"{len(tags)} tags are more than EC2's {MOST_TAGS}", fix, UsageError)
    for key, value in wanted.tags.items():
        if not key or len(key) > 128:
            yield Problem(f"tag key {key!r} has {len(key)} characters", "EC2 takes 1 to 128", UsageError)
        if key.lower().startswith("aws:"):
            yield Problem(f"tag keys that begin with aws: are Amazon's own: {key!r}", "name it otherwise", UsageError)
        if len(value) > 256:
            yield Problem(f"the value of tag {key!r} has {len(value)} characters", "EC2 takes up to 256", UsageError)


def profile_exists(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The instance profile is there; a warning where that may not be looked up."""
    profile = wanted.instance_profile
    if profile is None or facts.profile_exists:
        return
    if profile.startswith("arn:") and ":instance-profile/" not in profile:
        yield Problem(f"{profile} is no ARN of an instance profile", "name the profile, not the role", UsageError)
    elif facts.profile_exists is None:
        yield Problem(f"whether the instance profile {profile} exists could not be looked up", warning=True)
    else:
        yield Problem(
            f"no instance profile {profile}",
            "a role made elsewhere than in the console has none of its own: "
            f"'aws iam create-instance-profile --instance-profile-name {profile}', then add-role-to-instance-profile",
            NotFound,
        )


def within_quota(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The account's vCPUs suffice, where quota and use are known."""
    kind = (facts.types or {}).get(wanted.type or "", {})
    each = kind.get("VCpuInfo", {}).get("DefaultVCpus")
    if each is None or facts.vcpu_quota is None:
        return
    used = facts.vcpus_used or 0
    need = each * wanted.count
    if used + need <= facts.vcpu_quota:
        return
    room = max((facts.vcpu_quota - used) // each, 0)
    what = "spot" if wanted.market else "on-demand"
    in_use = f", of which {used} are in use" if facts.vcpus_used else ""
    fewer = f"there is room for {room} of them; or " if room else ""
    yield Problem(
        f"{wanted.count} {wanted.type} need {need} vCPUs, and the {what} quota in {facts.region} "
        f"is {facts.vcpu_quota}{in_use}",
        f"{fewer}ask AWS for a higher quota (Service Quotas, EC2), or use another region",
    )


# Warnings


def image_deprecated(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The owner of the image advises another one: EC2 still launches it."""
    when = (facts.image or {}).get("DeprecationTime")
    if facts.image and when and facts.now is not None and str(when) < facts.now:
        yield Problem(
            f"image {facts.image['ImageId']} has been deprecated since {str(when)[:10]}",
            "take a newer one: an alias, or OWNER/NAME-GLOB for the newest",
            warning=True,
        )


def can_be_logged_in_to(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """Some group lets SSH (or RDP) in."""
    if facts.groups is None or facts.image is None:
        return
    meant = groups_meant(wanted, facts)
    if not meant or len(meant) < len(set(wanted.groups)):
        # There are errors about the groups themselves.
        return
    port, protocol = LOG_IN[is_windows(facts.image)]
    if any(lets_in(each, port) for each in meant):
        return
    names = " and ".join(str(each["GroupName"]) for each in meant)
    what = f"groups {names} let" if len(meant) > 1 else f"group {names} lets"
    yield Problem(
        f"{what} no {protocol} in, so you can't log in",
        f"'ectwo groups authorize {facts.region}/{meant[0]['GroupId']} {port} --from me'",
        warning=True,
    )


def has_a_key(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """Windows without a key has a password that nobody can read."""
    if wanted.key is None and is_windows(facts.image):
        yield Problem(
            "without --key the administrator's password of a Windows instance can't be read",
            f"'ectwo keypairs create NAME --region {facts.region} --type rsa', then --key NAME",
            warning=True,
        )


def has_public_address(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """It can be reached from outside, unless that was said."""
    subnet = placement(wanted, facts).subnet
    if subnet is None or wanted.public_ip is not None or subnet.get("MapPublicIpOnLaunch") is not False:
        return
    yield Problem(
        f"subnet {subnet['SubnetId']} gives no public address",
        "say --public-ip where it is to be reached from outside; --no-public-ip where this is meant",
        warning=True,
    )


def something_unknown(wanted: Wanted, facts: Facts) -> Iterator[Problem]:
    """The caller may not look at all of it."""
    if facts.unknown:
        what = ", ".join(_UNKNOWN.get(each, each) for each in facts.unknown)
        yield Problem(f"not checked, since you may not look it up: {what}", warning=True)


_UNKNOWN = {
    "image": "the image",
    "types": "the type",
    "offered": "where the type is offered",
    "keys": "the key pair",
    "groups": "the groups",
    "subnets": "the subnet",
    "vpcs": "the VPC",
    "vcpus_used": "the quota",
}

RULES: Sequence[Rule] = (
    image_exists,
    image_available,
    type_exists,
    type_fits_image,
    type_offered_in_zone,
    spot_possible,
    key_exists,
    subnet_exists,
    subnet_in_zone,
    network_there,
    groups_exist,
    addresses_left,
    volume_large_enough,
    volume_speed,
    user_data_fits,
    tags_allowed,
    profile_exists,
    within_quota,
    image_deprecated,
    can_be_logged_in_to,
    has_a_key,
    has_public_address,
    something_unknown,
)


# What the rules and the request share


def root_device(image: Raw | None) -> Raw | None:
    """The image's mapping of its root volume; None where that is not on EBS."""
    if image is None or image.get("RootDeviceType", "ebs") != "ebs":
        return None
    mappings = [each for each in image.get("BlockDeviceMappings", ()) if "Ebs" in each]
    return next((each for each in mappings if each.get("DeviceName") == image.get("RootDeviceName")), None)


def all_tags(wanted: Wanted, image: Raw | None) -> dict[str, str]:
    """The tags of the instances: the image's, where they are inherited, under the wanted ones."""
    inherited = tags_of(image.get("Tags")) if image is not None and wanted.image_tags else {}
    own = {key: value for key, value in inherited.items() if not key.lower().startswith("aws:")}
    return {**own, **wanted.tags}


def lets_in(group: Raw, port: int) -> bool:
    """Whether some rule of the group lets TCP to the port in, from anywhere."""
    return any(
        str(rule.get("IpProtocol")) == "-1"
        or (
            str(rule.get("IpProtocol")) in ("tcp", "6") and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535)
        )
        for rule in group.get("IpPermissions", ())
        if any(rule.get(kind) for kind in ("IpRanges", "Ipv6Ranges", "PrefixListIds")) or _from_others(rule, group)
    )


def _from_others(rule: Mapping[str, list[Mapping[str, str]]], group: Raw) -> bool:
    # What only lets the group's own members in, as a default group does, lets nobody in from outside.
    return any(pair.get("GroupId") != group["GroupId"] for pair in rule.get("UserIdGroupPairs", ()))


def _other_architecture(wanted: Wanted, image: Raw, kind: Raw) -> str | None:
    have = kind.get("ProcessorInfo", {}).get("SupportedArchitectures") or ["?"]
    alias = aliases.for_architecture(wanted.image or "", have[0])
    small = {"arm64": "t4g.micro", "x86_64": "t3.micro"}.get(str(image.get("Architecture")))
    # Of the usual families there is the same size of the other make: m7i.large for m7g.large.
    usual = _SAME_SIZE.match(wanted.type or "")
    like = f"{usual[1]}{'g' if small == 't4g.micro' else 'i'}.{usual[2]}" if usual and small else small
    ways = [f"say --image {alias}" if alias else None, f"choose a type of the image's kind, such as {like}"]
    return ", or ".join(each for each in (ways if like else ways[:1]) if each) or None


_SAME_SIZE = re.compile(r"([cmr][678])[a-z-]*\.(\d*x?large)")


def _instead(type: str, facts: Facts, zone: str | None = None) -> str:
    alike = near(type, facts.offered_types or ())
    if not alike:
        return "choose another --type"
    return f"near it, {zone or facts.region} has {', '.join(alike)}"


def _subnet_label(subnet: Raw) -> str:
    name = name_of(subnet.get("Tags"))
    return f"{subnet['SubnetId']} ({f'{name}, ' if name else ''}{subnet.get('AvailabilityZone')})"


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def failure(problems: Sequence[Problem]) -> EctwoError | None:
    """The error that a launch ends with, its text said already: of the problems' own kind where they agree on one."""
    kinds = {problem.error for problem in problems if not problem.warning}
    if not kinds:
        return None
    kind = kinds.pop() if len(kinds) == 1 else EctwoError
    return kind("")
