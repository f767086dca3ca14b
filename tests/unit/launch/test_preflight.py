"""Every check of a launch by itself: what passes, and what each says."""

from __future__ import annotations

from typing import Any

import pytest

from ectwo_cli.errors import EctwoError, NotFound, UsageError
from ectwo_cli.launch import preflight as rules
from ectwo_cli.launch.wanted import Market, Problem
from tests.unit.launch.things import FACTS, IMAGE, SSH, TYPE, WANTED, facts, group, image, kind, said, subnet, wanted


def test_nothing_is_wrong_with_a_good_launch() -> None:
    assert rules.check(WANTED, FACTS) == []


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_what_is_not_known_is_no_problem(rule: Any) -> None:
    unknown = facts(
        image=None, types=None, offered=None, keys=None, groups=None, subnets=None, vpcs=None, profile_exists=None
    )
    assert list(rule(wanted(subnet="subnet-x", zone="us-east-1a"), unknown)) == []


def test_all_problems_come_at_once() -> None:
    bad = wanted(key="nobody", groups=("none",), volume_size=1, type="t4g.micro")
    known = facts(types={}, offered={"t4g.micro": []}, offered_types=["t3.micro"])
    assert [message for message, _ in said(rules.check(bad, known))] == [
        "no instance type t4g.micro in us-east-1",
        "no key pair nobody in us-east-1",
        "no security group none in us-east-1",
        "a root volume of 1 GiB does not hold the image, which has 8 GiB",
    ]


# The image


def test_the_image_exists() -> None:
    error = NotFound("no image web", hint="look for it")
    (problem,) = rules.image_exists(WANTED, facts(image=None, image_error=error))
    assert problem == Problem("no image web", "look for it", NotFound)


def test_the_image_is_available() -> None:
    assert said(rules.image_available(WANTED, image(State="pending"))) == [
        (
            "image ami-0123456789abcdef0 is pending, not available",
            "it is being made; 'ectwo images watch --where id=ami-0123456789abcdef0 -r us-east-1' shows when it is "
            "ready",
        )
    ]
    failed = image(State="failed", StateReason={"Message": "snapshot gone"})
    assert said(rules.image_available(WANTED, failed)) == [
        ("image ami-0123456789abcdef0 is failed, not available: snapshot gone", "take another image")
    ]


def test_a_deprecated_image_is_a_warning() -> None:
    (problem,) = rules.image_deprecated(WANTED, image(DeprecationTime="2026-06-01T00:00:00.000Z"))
    assert (problem.message, problem.warning) == (
        "image ami-0123456789abcdef0 has been deprecated since 2026-06-01",
        True,
    )
    assert list(rules.image_deprecated(WANTED, image(DeprecationTime="2027-06-01T00:00:00.000Z"))) == []


# The type


def test_the_type_exists() -> None:
    known = facts(types={}, offered={"t9.micro": []}, offered_types=["m5.large", "t2.micro", "t3.micro", "t3.nano"])
    (problem,) = rules.type_exists(wanted(type="t9.micro"), known)
    assert problem == Problem(
        "no instance type t9.micro in us-east-1", "near it, us-east-1 has t2.micro, t3.micro, t3.nano", NotFound
    )


def test_no_type_could_be_picked() -> None:
    (problem,) = rules.type_exists(wanted(type=None), image(Architecture="arm64_mac"))
    assert problem == Problem(
        "no small arm64_mac type that fits image ami-0123456789abcdef0 is to be had in us-east-1",
        "choose one with --type",
        UsageError,
    )


@pytest.mark.parametrize(
    ("of_image", "of_type", "message"),
    [
        ({"Architecture": "arm64"}, {}, "t3.micro is x86_64, and the image is arm64"),
        ({"VirtualizationType": "paravirtual"}, {}, "t3.micro runs hvm images, and the image is paravirtual"),
        ({"BootMode": "uefi"}, {"SupportedBootModes": ["legacy-bios"]}, "boots by legacy-bios, and the image needs"),
        ({"BootMode": "legacy-bios"}, {"SupportedBootModes": ["uefi"]}, "boots by uefi, and the image needs legacy"),
        ({"EnaSupport": False}, {}, "needs a driver for the Elastic Network Adapter (ENA)"),
        ({"RootDeviceType": "instance-store"}, {}, "starts from ebs, and the image's root is instance-store"),
        ({"TpmSupport": "v2.0"}, {"NitroTpmSupport": "unsupported"}, "has no NitroTPM, which the image needs"),
    ],
)
def test_the_type_fits_the_image(of_image: dict[str, Any], of_type: dict[str, Any], message: str) -> None:
    known = facts(image={**IMAGE, **of_image}, types=kind(**of_type).types)
    (problem,) = rules.type_fits_image(WANTED, known)
    assert message in problem.message
    assert problem.fix is not None


def test_either_boot_mode_does_where_the_image_only_prefers_one() -> None:
    assert list(rules.type_fits_image(WANTED, kind(SupportedBootModes=["legacy-bios"]))) == []


def test_a_wrong_architecture_names_the_alias_that_fits() -> None:
    arm = {"ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}
    known = facts(types={"t4g.micro": {**kind(**arm).types["t3.micro"]}})  # type: ignore[index]
    (problem,) = rules.type_fits_image(wanted(image="al2023", type="t4g.micro"), known)
    assert problem.fix == "say --image al2023-arm64, or choose a type of the image's kind, such as t3.micro"


@pytest.mark.parametrize(
    ("of_image", "type", "of_type", "like"),
    [
        ("arm64", "m7i.2xlarge", "x86_64", "m7g.2xlarge"),
        ("x86_64", "c7gd.large", "arm64", "c7i.large"),
        ("x86_64", "m7g.medium", "arm64", "t3.micro"),
        ("arm64", "t3.large", "x86_64", "t4g.micro"),
        ("x86_64", "mac2.metal", "arm64_mac", "t3.micro"),
    ],
)
def test_a_wrong_architecture_names_a_type_that_fits(of_image: str, type: str, of_type: str, like: str) -> None:
    element = {**TYPE, "ProcessorInfo": {"SupportedArchitectures": [of_type]}}
    known = facts(image={**IMAGE, "Architecture": of_image}, types={type: element})
    (problem,) = rules.type_fits_image(wanted(type=type), known)
    assert problem.fix == f"choose a type of the image's kind, such as {like}"


def test_the_type_is_offered_in_the_zone() -> None:
    known = facts(offered={"t3.micro": ["us-east-1b"]}, offered_types=["t2.micro"])
    assert said(rules.type_offered_in_zone(wanted(zone="us-east-1a"), known)) == [
        (
            "t3.micro is not offered in us-east-1a",
            "us-east-1 has it in us-east-1b; near it, us-east-1a has t2.micro",
        )
    ]
    # The subnet's zone counts as well.
    assert len(list(rules.type_offered_in_zone(wanted(subnet="subnet-a"), known))) == 1
    assert list(rules.type_offered_in_zone(wanted(subnet="subnet-b"), known)) == []
    assert list(rules.type_offered_in_zone(WANTED, known)) == []


def test_the_type_is_offered_in_the_region() -> None:
    known = facts(offered={"t3.micro": []}, offered_types=["t2.micro"])
    assert said(rules.type_offered_in_zone(WANTED, known)) == [
        ("t3.micro is not offered in us-east-1", "near it, us-east-1 has t2.micro")
    ]


def test_the_type_is_offered_where_the_default_subnets_are() -> None:
    (problem,) = rules.type_offered_in_zone(WANTED, facts(offered={"t3.micro": ["us-east-1f"]}))
    assert problem.message == ("t3.micro is offered in us-east-1f alone, where the default VPC has no default subnet")
    assert "--availability-zone us-east-1f" in str(problem.fix)


def test_spot() -> None:
    spot = wanted(market=Market(interruption="hibernate"), protect=True)
    known = kind(SupportedUsageClasses=["on-demand"], HibernationSupported=False)
    assert [message for message, _ in said(rules.spot_possible(spot, known))] == [
        "t3.micro is not to be had as spot",
        "EC2 does not protect spot instances from termination",
        "t3.micro can't hibernate",
    ]
    assert list(rules.spot_possible(WANTED, known)) == []


# Key, groups, network


def test_the_key_exists() -> None:
    assert said(rules.key_exists(wanted(key="yuo"), FACTS)) == [
        (
            "no key pair yuo in us-east-1",
            "did you mean you? Or make it: 'ectwo keypairs create yuo --region us-east-1'",
        )
    ]
    (problem,) = rules.key_exists(wanted(key="me2", origin="eu-west-1"), facts(keys=[]))
    assert problem.fix == "--copy-key brings the public key of eu-west-1 along; --key takes another"
    assert problem.error is NotFound


def test_the_groups_exist() -> None:
    assert said(rules.groups_exist(wanted(groups=("web", "none", "sg-9")), FACTS)) == [
        (
            "no security group none in us-east-1",
            "'ectwo groups find --region us-east-1' lists them, 'ectwo groups create none --region us-east-1' makes it",
        ),
        ("no security group sg-9 in us-east-1", "'ectwo groups find --region us-east-1' lists them"),
    ]


def test_the_groups_are_in_the_vpc_of_the_subnet() -> None:
    assert said(rules.groups_exist(wanted(groups=("lab",)), FACTS)) == [
        (
            "security group lab is in vpc-2, and the default subnet is in vpc-1",
            "name a subnet of that VPC with --subnet (subnet-lab), or a group of vpc-1",
        )
    ]
    assert list(rules.groups_exist(wanted(groups=("lab",), subnet="lab"), FACTS)) == []
    assert [message for message, _ in said(rules.groups_exist(wanted(subnet="subnet-lab"), FACTS))] == [
        "security group web is in vpc-1, and subnet-lab is in vpc-2"
    ]


def test_the_subnet_exists() -> None:
    (problem,) = rules.subnet_exists(wanted(subnet="subnet-x"), FACTS)
    assert problem == Problem("no subnet subnet-x in us-east-1", "there are: subnet-a, subnet-b, subnet-lab", NotFound)
    twice = facts(subnets=[{**each, "Tags": [{"Key": "Name", "Value": "x"}]} for each in FACTS.subnets or ()])
    (problem,) = rules.subnet_exists(wanted(subnet="x"), twice)
    assert problem.message == "3 subnets are named 'x': subnet-a, subnet-b, subnet-lab"


def test_subnet_and_zone_agree() -> None:
    assert said(rules.subnet_in_zone(wanted(subnet="subnet-a", zone="us-east-1b"), FACTS)) == [
        (
            "subnet subnet-a is in us-east-1a, not in us-east-1b",
            "leave --zone out, or take subnet-b, which is there",
        )
    ]
    assert list(rules.subnet_in_zone(wanted(subnet="subnet-a", zone="us-east-1a"), FACTS)) == []


def test_there_is_a_default_vpc() -> None:
    none = facts(vpcs=[{"VpcId": "vpc-2", "IsDefault": False}])
    assert said(rules.network_there(WANTED, none)) == [
        (
            "us-east-1 has no default VPC, so a subnet has to be named",
            "say --subnet with one of: subnet-a (us-east-1a), subnet-b (us-east-1b), subnet-lab (lab, us-east-1c)",
        )
    ]
    (problem,) = rules.network_there(WANTED, facts(vpcs=[], subnets=[]))
    assert problem.fix == "make a default one: 'aws ec2 create-default-vpc --region us-east-1'"
    assert list(rules.network_there(wanted(subnet="subnet-lab"), none)) == []


def test_there_is_a_default_subnet_in_the_zone() -> None:
    assert said(rules.network_there(wanted(zone="us-east-1c"), FACTS)) == [
        (
            "the default VPC has no default subnet in us-east-1c",
            "the default VPC has subnets in us-east-1a, us-east-1b; subnet-lab (lab, us-east-1c) is in us-east-1c: "
            "name one with --subnet",
        )
    ]
    (problem,) = rules.network_there(wanted(zone="eu-west-1a"), FACTS)
    assert problem.message == "eu-west-1a is no zone of us-east-1"


def test_the_subnet_has_addresses_left() -> None:
    full = facts(subnets=[subnet("subnet-a", "us-east-1a", free=2)])
    assert said(rules.addresses_left(wanted(subnet="subnet-a", count=3), full)) == [
        (
            "subnet subnet-a has 2 addresses left, and 3 are needed",
            "take another --subnet, or launch fewer",
        )
    ]
    assert list(rules.addresses_left(wanted(subnet="subnet-a", count=2), full)) == []


# Volumes, user data, tags, profile, quota


@pytest.mark.parametrize(("size", "good"), [(7, False), (8, True), (9, True)])
def test_the_root_volume_holds_the_image(size: int, good: bool) -> None:
    assert (list(rules.volume_large_enough(wanted(volume_size=size), FACTS)) == []) is good


def test_a_size_needs_a_root_volume_on_ebs() -> None:
    (problem,) = rules.volume_large_enough(wanted(volume_size=9), image(RootDeviceType="instance-store"))
    assert problem.message == "image ami-0123456789abcdef0 has no root volume on EBS to give a size to"


def test_the_speed_of_the_volume() -> None:
    assert [each.fix for each in rules.volume_speed(wanted(volume_type="io2"), FACTS)] == ["say --iops, as in 3000"]
    assert [each.fix for each in rules.volume_speed(wanted(volume_type="gp2", iops=300), FACTS)] == [
        "say --volume-type gp3"
    ]
    assert list(rules.volume_speed(wanted(volume_type="io2", iops=300), FACTS)) == []
    assert list(rules.volume_speed(wanted(iops=4000), FACTS)) == []


@pytest.mark.parametrize(("size", "good"), [(16384, True), (16385, False)])
def test_user_data_has_a_limit(size: int, good: bool) -> None:
    problems = list(rules.user_data_fits(wanted(user_data=b"x" * size), FACTS))
    assert (problems == []) is good
    assert all(each.error is UsageError for each in problems)


def test_tags_have_limits() -> None:
    tags = {"": "x", "aws:x": "y", "k" * 129: "z", "long": "v" * 257}
    assert [message for message, _ in said(rules.tags_allowed(wanted(tags=tags), FACTS))] == [
        "tag key '' has 0 characters",
        "tag keys that begin with aws: are Amazon's own: 'aws:x'",
        f"tag key {'k' * 129!r} has 129 characters",
        "the value of tag 'long' has 257 characters",
    ]


def test_the_images_tags_count_unless_they_are_left_out() -> None:
    many = image(Tags=[{"Key": f"i{number}", "Value": ""} for number in range(50)])
    assert said(rules.tags_allowed(wanted(tags={"mine": ""}), many)) == [
        ("51 tags are more than EC2's 50", "50 of them are the image's: --no-image-tags leaves them out")
    ]
    assert list(rules.tags_allowed(wanted(tags={"mine": ""}, image_tags=False), many)) == []


def test_the_instance_profile_exists() -> None:
    with_profile = wanted(instance_profile="web")
    assert list(rules.profile_exists(with_profile, facts(profile_exists=True))) == []
    (unknown,) = rules.profile_exists(with_profile, facts(profile_exists=None))
    assert (unknown.message, unknown.warning) == (
        "whether the instance profile web exists could not be looked up",
        True,
    )
    (missing,) = rules.profile_exists(with_profile, facts(profile_exists=False))
    assert (missing.message, missing.error) == ("no instance profile web", NotFound)
    (role,) = rules.profile_exists(wanted(instance_profile="arn:aws:iam::1:role/web"), FACTS)
    assert role.error is UsageError


def test_the_quota() -> None:
    known = facts(vcpu_quota=8, vcpus_used=5)
    assert list(rules.within_quota(WANTED, known)) == []
    assert said(rules.within_quota(wanted(count=3), known)) == [
        (
            "3 t3.micro need 6 vCPUs, and the on-demand quota in us-east-1 is 8, of which 5 are in use",
            "there is room for 1 of them; or ask AWS for a higher quota (Service Quotas, EC2), or use another region",
        )
    ]
    assert list(rules.within_quota(wanted(count=300), facts(vcpu_quota=None))) == []


# Warnings


def test_no_group_lets_ssh_in() -> None:
    closed = facts(groups=[group("sg-1", "web")])
    (problem,) = rules.can_be_logged_in_to(WANTED, closed)
    assert problem == Problem(
        "group web lets no SSH in, so you can't log in",
        "'ectwo groups authorize us-east-1/sg-1 22 --from me'",
        warning=True,
    )


def test_no_group_lets_rdp_in() -> None:
    (problem,) = rules.can_be_logged_in_to(WANTED, image(Platform="windows"))
    assert problem.fix == "'ectwo groups authorize us-east-1/sg-1 3389 --from me'"


def test_the_default_group_lets_in_only_its_own() -> None:
    own = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-3"}]}
    known = facts(groups=[group("sg-3", "default", "vpc-1", own)])
    assert [message for message, _ in said(rules.can_be_logged_in_to(wanted(groups=()), known))] == [
        "group default lets no SSH in, so you can't log in"
    ]


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        (SSH, True),
        ({**SSH, "FromPort": 0, "ToPort": 65535}, True),
        ({**SSH, "FromPort": 23, "ToPort": 65535}, False),
        ({**SSH, "IpProtocol": "udp"}, False),
        ({**SSH, "IpProtocol": "6"}, True),
        ({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, True),
        ({**SSH, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": "sg-other"}]}, True),
        ({**SSH, "IpRanges": [], "PrefixListIds": [{"PrefixListId": "pl-1"}]}, True),
        ({**SSH, "IpRanges": []}, False),
    ],
)
def test_what_lets_in(rule: dict[str, Any], good: bool) -> None:
    assert rules.lets_in(group("sg-1", "web", "vpc-1", rule), 22) is good


def test_windows_without_a_key() -> None:
    (problem,) = rules.has_a_key(wanted(key=None), image(Platform="windows"))
    assert problem.warning
    assert list(rules.has_a_key(wanted(key=None), FACTS)) == []


def test_a_subnet_without_public_addresses() -> None:
    private = facts(subnets=[{**subnet("subnet-a", "us-east-1a"), "MapPublicIpOnLaunch": False}])
    (problem,) = rules.has_public_address(wanted(subnet="subnet-a"), private)
    assert (problem.message, problem.warning) == ("subnet subnet-a gives no public address", True)
    assert list(rules.has_public_address(wanted(subnet="subnet-a", public_ip=False), private)) == []


def test_what_may_not_be_looked_up_is_named() -> None:
    (problem,) = rules.something_unknown(WANTED, facts(unknown=("keys", "vpcs")))
    assert (problem.message, problem.warning) == (
        "not checked, since you may not look it up: the key pair, the VPC",
        True,
    )


# The end


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        ([], type(None)),
        ([Problem("x", warning=True)], type(None)),
        ([Problem("x", error=NotFound), Problem("y", error=NotFound)], NotFound),
        ([Problem("x", error=NotFound), Problem("y", error=UsageError)], EctwoError),
        ([Problem("x", error=UsageError), Problem("y", warning=True)], UsageError),
    ],
)
def test_the_error_is_what_the_problems_agree_on(problems: list[Problem], expected: type) -> None:
    assert type(rules.failure(problems)) is expected
