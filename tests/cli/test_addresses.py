"""``ectwo addresses``: what it does is read back with boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import Ec2

ADDRESSES = ("eu-west-1", "us-east-1", "us-west-2")
Raw = dict[str, Any]


def addresses(ec2: Ec2, region: str = "us-east-1") -> dict[str, Raw]:
    """The addresses of a region by allocation ID."""
    return {each["AllocationId"]: each for each in ec2.boto(region).describe_addresses()["Addresses"]}


def named(ec2: Ec2, name: str, region: str = "us-east-1") -> Raw:
    filters = [{"Name": "tag:Name", "Values": [name]}]
    (found,) = ec2.boto(region).describe_addresses(Filters=filters)["Addresses"]
    return dict(found)


def tags(raw: Raw) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}


def instance(ec2: Ec2, name: str, region: str = "us-east-1") -> str:
    filters = [{"Name": "tag:Name", "Values": [name]}, {"Name": "instance-state-name", "Values": ["running"]}]
    found = ec2.boto(region).describe_instances(Filters=filters)["Reservations"]
    return str(found[0]["Instances"][0]["InstanceId"])


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


@pytest.fixture
def near(ectwo_here: Ectwo) -> Ectwo:
    """Run ectwo in a scope of one region, where a test is not about the others: that is a tenth of the calls."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Run:
        return ectwo_here(*arguments, stdin=stdin, **{"ECTWO_REGIONS": "us-east-1", **environment})

    return run


# Finding


def test_find_has_all_of_all_regions(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("addresses", "find", "--json")
    expected = {}
    for region in ADDRESSES:
        for each in addresses(ec2, region).values():
            expected[each["AllocationId"]] = {
                "region": region,
                "public_ip": each["PublicIp"],
                "id": each["AllocationId"],
                "instance_id": each.get("InstanceId"),
                "name": tags(each).get("Name"),
                "association_id": each.get("AssociationId"),
                "network_interface_id": each.get("NetworkInterfaceId"),
                "private_ip": each.get("PrivateIpAddress"),
                "domain": "vpc",
                "tags": tags(each),
            }
    assert (run.code, run.err) == (0, "")
    assert {each["id"]: each for each in records(run)} == expected


def test_unassociated_addresses_cost_money(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("addresses", "find", "--unassociated", "-o", "ids")
    free = [
        f"{region}/{id}"
        for region in ADDRESSES
        for id, each in addresses(ec2, region).items()
        if "AssociationId" not in each
    ]
    assert sorted(run.out.split()) == sorted(free)
    assert run.err == (
        f"{len(free)} unassociated addresses cost money every hour; 'ectwo addresses release' gives them back\n"
    )


@pytest.mark.parametrize("by", ["public_ip", "id", "name"])
def test_show_by_ip_id_and_name(by: str, ec2: Ec2, near: Ectwo) -> None:
    (known,) = records(near("addresses", "find", "--name", "spare", "--json"))
    run = near("addresses", "show", known[by], "--json")
    assert (run.code, json.loads(run.out)) == (0, known)


def test_an_address_that_is_named_by_its_own_ip_is_one(ec2: Ec2, near: Ectwo) -> None:
    raw = named(ec2, "spare")
    ec2.boto().create_tags(Resources=[raw["AllocationId"]], Tags=[{"Key": "Name", "Value": raw["PublicIp"]}])
    run = near("addresses", "show", raw["PublicIp"], "id")
    assert (run.code, run.out) == (0, raw["AllocationId"] + "\n")


def test_instance_shows_the_instance(ec2: Ec2, near: Ectwo) -> None:
    run = near("addresses", "instance", "us-east-1/web-1", "--json")
    assert (run.code, json.loads(run.out)["id"]) == (0, named(ec2, "web-1")["InstanceId"])
    assert near("addresses", "instance", "us-east-1/web-1", "name").out == "web-1\n"


def test_instance_of_a_free_address_is_not_found(near: Ectwo, ec2: Ec2) -> None:
    run = near("addresses", "instance", "spare")
    ip = named(ec2, "spare")["PublicIp"]
    assert (run.code, run.out) == (3, "")
    assert run.err == f"error: address {ip} leads to no instance\n"


# Allocating


def test_allocate_tags_at_once(ec2: Ec2, near: Ectwo) -> None:
    run = near("addresses", "allocate", "-r", "eu-west-1", "--name", "new", "--tag", "env=dev", "--json")
    (record,) = records(run)
    raw = named(ec2, "new", "eu-west-1")
    assert run.code == 0
    assert (record["action"], record["region"], record["id"]) == ("allocated", "eu-west-1", raw["AllocationId"])
    assert record["tags"] == tags(raw) == {"Name": "new", "env": "dev"}


def test_allocate_dry_run_allocates_nothing(ec2: Ec2, near: Ectwo) -> None:
    before = addresses(ec2)
    run = near("addresses", "allocate", "-n", "--json")
    assert (run.code, run.out) == (0, "[]\n")
    assert run.err == "would allocate an address in us-east-1\n"
    assert addresses(ec2) == before


@pytest.mark.parametrize(
    "fault", [{"lose": True}, {"cut": True}, {"truncate": True}, {"code": "InternalError", "status": 500}]
)
def test_a_lost_answer_leaks_no_address(fault: dict[str, Any], ec2: Ec2, near: Ectwo) -> None:
    before = addresses(ec2)
    ec2.fault("AllocateAddress", **fault)
    if not fault.get("lose") and not fault.get("truncate"):
        # Nothing was done, which shows only after four looks: this test has no time for them.
        ec2.fault("DescribeAddresses", code="UnauthorizedOperation", status=403)
        run = near("addresses", "allocate", "--json")
        assert run.code == 1
        assert "so it is not known whether an address was made" in run.err
        assert addresses(ec2) == before
        return
    run = near("addresses", "allocate", "--json")
    assert (run.code, run.err) == (0, "")
    (new,) = addresses(ec2).keys() - before.keys()
    assert [each["id"] for each in records(run)] == [new]
    assert tags(addresses(ec2)[new]) == {}


def test_a_refusal_is_told(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("AllocateAddress", code="AddressLimitExceeded", message="The maximum number of addresses was reached.")
    run = near("addresses", "allocate")
    assert run.code == 1
    assert run.err == (
        "error: The maximum number of addresses was reached. (AddressLimitExceeded)\n"
        "hint: release one ('ectwo addresses find --unassociated') or ask AWS for a higher quota\n"
    )


def test_a_tag_that_stays_is_shown(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("DeleteTags", code="UnauthorizedOperation", status=403)
    (record,) = records(near("addresses", "allocate", "--json"))
    assert record["tags"] == tags(addresses(ec2)[record["id"]])
    assert list(record["tags"]) == ["ectwo:request"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tag", "=x"], "error: bad --tag '=x'"),
        (["--tag", "aws:x=y"], "error: bad --tag 'aws:x=y'"),
        (["--tag", "a=1", "--tag", "a=2"], "error: --tag a is given twice, as '1' and '2'"),
        (["-r", "us-*"], "error: this needs exactly one region"),
    ],
)
def test_allocate_usage(arguments: list[str], message: str, ec2: Ec2, near: Ectwo) -> None:
    run = near("addresses", "allocate", *arguments)
    assert run.code == 2
    assert run.err.startswith(message)
    assert "AllocateAddress" not in ec2.counts()


# Associating


def test_associate_by_names(ec2: Ec2, near: Ectwo) -> None:
    machine = instance(ec2, "web-2")
    run = near("addresses", "associate", "spare", "us-east-1/web-2", "--json")
    (record,) = records(run)
    assert run.code == 0
    assert (record["action"], record["instance_id"]) == ("associated", machine)
    assert named(ec2, "spare")["InstanceId"] == machine
    again = near("addresses", "associate", "spare", machine, "--json")
    assert (again.code, records(again)) == (0, [{**record, "action": "unchanged"}])


def test_what_an_instance_gives_up_is_told(ec2: Ec2, near: Ectwo) -> None:
    held = named(ec2, "web-1")
    run = near("addresses", "associate", "spare", held["InstanceId"], "-q")
    assert (run.code, run.err) == (0, "")
    (spare,) = (each for each in addresses(ec2).values() if tags(each).get("Name") == "spare")
    assert spare["InstanceId"] == held["InstanceId"]
    run = near("addresses", "associate", "web-1", held["InstanceId"])
    assert run.err == (
        f"address {spare['PublicIp']}, which leads to {held['InstanceId']} now, "
        "will lead nowhere and go on costing money\n"
    )
    machine = instance(ec2, "web-2")
    (raw,) = ec2.boto().describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"]
    run = near("addresses", "associate", "spare", machine)
    assert run.err == f"instance {machine} gives up its public address {raw['PublicIpAddress']} for good\n"


def test_associate_dry_run(ec2: Ec2, near: Ectwo) -> None:
    before = addresses(ec2)
    run = near("addresses", "associate", "spare", instance(ec2, "web-2"), "-n", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "would associate")
    assert addresses(ec2) == before


def test_an_instance_in_another_region_is_a_clear_error(ec2: Ec2, ectwo_here: Ectwo) -> None:
    machine = instance(ec2, "mail", "eu-west-1")
    ip = named(ec2, "spare")["PublicIp"]
    for text in (machine, "mail", "eu-west-1/mail"):
        run = ectwo_here("addresses", "associate", "spare", text)
        assert (run.code, run.out) == (1, "")
        assert run.err == (
            f"error: instance {text} is in eu-west-1, address {ip} in us-east-1: an address can't leave its region\n"
            "hint: allocate one there: 'ectwo addresses allocate -r eu-west-1'\n"
        )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ([], 10, "not done: this needs a yes, and there is no terminal to ask on"),
        (["--yes"], 1, "address {ip} leads to web-1 ({holder}) (Resource.AlreadyAssociated)"),
        (["--dry-run"], 1, "address {ip} leads to web-1 ({holder}) (Resource.AlreadyAssociated)"),
    ],
)
def test_an_address_is_not_taken_away(arguments: list[str], code: int, error: str, ec2: Ec2, near: Ectwo) -> None:
    before = named(ec2, "web-1")
    run = near("addresses", "associate", "us-east-1/web-1", "us-east-1/web-2", *arguments)
    message = error.format(ip=before["PublicIp"], holder=before["InstanceId"])
    assert run.code == code
    assert f"error: {message}\n" in run.err
    assert "--allow-reassociation" in run.err
    assert named(ec2, "web-1") == before
    assert "AssociateAddress" not in ec2.counts()


def test_an_address_is_taken_away_when_that_is_said(ec2: Ec2, near: Ectwo) -> None:
    run = near("addresses", "associate", "us-east-1/web-1", "us-east-1/web-2", "--allow-reassociation", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "associated")
    assert named(ec2, "web-1")["InstanceId"] == instance(ec2, "web-2")


# Giving up


def test_disassociate(ec2: Ec2, near: Ectwo) -> None:
    run = near("addresses", "disassociate", "us-east-1/web-1", "spare", "--yes", "--json")
    assert (run.code, [(each["name"], each["action"]) for each in records(run)]) == (
        0,
        [("spare", "unchanged"), ("web-1", "disassociated")],
    )
    assert "AssociationId" not in named(ec2, "web-1")


def test_a_lost_answer_to_disassociate_is_success(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("DisassociateAddress", lose=True)
    run = near("addresses", "disassociate", "us-east-1/web-1", "--yes", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "disassociated")


def test_release_gives_free_ones_back_and_leaves_the_others(ec2: Ec2, near: Ectwo) -> None:
    held = named(ec2, "web-1")
    run = near("addresses", "release", "us-east-1/web-1", "spare", "--yes", "--json")
    spare, web = records(run)
    assert run.code == 6
    assert (spare["action"], web["action"]) == ("released", None)
    assert web["error"] == f"it leads to {held['InstanceId']} (InvalidIPAddress.InUse)"
    assert "hint: say --disassociate to release it all the same\n" in run.err
    assert web["id"] in addresses(ec2)
    assert spare["id"] not in addresses(ec2)


def test_release_with_disassociate(ec2: Ec2, near: Ectwo) -> None:
    held = named(ec2, "web-1")
    # EC2 may believe for a moment that it is still in use, and the answer may be lost.
    ec2.fault("ReleaseAddress", code="InvalidIPAddress.InUse")
    ec2.fault("ReleaseAddress", lose=True, skip=1)
    run = near("addresses", "release", "us-east-1/web-1", "--disassociate", "-y", "--json")
    (record,) = records(run)
    assert (run.code, record["action"], record["instance_id"]) == (0, "released", None)
    assert held["AllocationId"] not in addresses(ec2)


def test_release_without_a_yes_does_nothing(ec2: Ec2, near: Ectwo) -> None:
    before = addresses(ec2)
    run = near("addresses", "release", "spare")
    ip, id = named(ec2, "spare")["PublicIp"], named(ec2, "spare")["AllocationId"]
    assert (run.code, run.out) == (10, "")
    assert run.err == (
        "These addresses will be given back to Amazon:\n"
        "  region     public_ip       id                          instance_id  name\n"
        f"  us-east-1  {ip}  {id}  -            spare\n"
        "error: not done: this needs a yes, and there is no terminal to ask on\n"
        "hint: say --yes\n"
    )
    assert addresses(ec2) == before


def test_release_dry_run(ec2: Ec2, near: Ectwo) -> None:
    before = addresses(ec2)
    run = near("addresses", "release", "us-east-1/web-1", "spare", "-n", "--json")
    assert (run.code, [each["action"] for each in records(run)]) == (6, ["would release", None])
    assert addresses(ec2) == before


def test_a_dry_run_asks_for_the_permission(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("ReleaseAddress", deny=True)
    run = near("addresses", "release", "spare", "-n", "--json")
    assert (run.code, records(run)[0]["action"]) == (1, None)
    assert "(UnauthorizedOperation)" in run.err


def test_the_plan_names_the_instances(ec2: Ec2, near: Ectwo) -> None:
    held = named(ec2, "web-1")
    run = near("addresses", "disassociate", "us-east-1/web-1")
    assert run.code == 10
    assert f"    ! web-1 ({held['InstanceId']}) can't be reached under it any more\n" in run.err


def test_an_ambiguous_name_is_not_meant_by_yes(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("addresses", "release", "web-1", "--disassociate", "--yes")
    assert run.code == 2
    assert "error: several are named 'web-1', and --yes can't mean all of them\n" in run.err
    assert "ReleaseAddress" not in ec2.counts()


def test_many_are_released_from_stdin(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = ectwo_here("addresses", "find", "--unassociated", "-o", "ids").out
    run = ectwo_here("addresses", "release", "-", "--yes", "-o", "ids", stdin=ids)
    assert (run.code, run.out) == (0, ids)
    assert ectwo_here("addresses", "find", "--unassociated", "--json", "-q").out == "[]\n"
