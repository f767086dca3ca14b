"""``regions``, the scope of a search, and the cached list of enabled regions."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Ectwo
from tests.ec2 import Ec2


def names(ec2: Ec2, *, enabled: bool) -> list[str]:
    found = ec2.boto("us-east-1").describe_regions(AllRegions=True)["Regions"]
    return sorted(each["RegionName"] for each in found if (each["OptInStatus"] != "not-opted-in") is enabled)


def test_find_lists_the_enabled_regions_and_with_all_states_the_others(ectwo_here: Ectwo, ec2: Ec2) -> None:
    enabled, others = names(ec2, enabled=True), names(ec2, enabled=False)
    assert others
    assert ectwo_here("regions", "find", "-o", "ids").out.split() == enabled
    assert ectwo_here("regions", "find", "-o", "ids", "--all-states").out.split() == sorted([*enabled, *others])
    assert ectwo_here("regions", "find", "-o", "ids", "--opt-in-status", "not-opted-in").out.split() == others
    europe = [name for name in enabled if name.startswith("eu-")]
    assert ectwo_here("regions", "find", "-o", "ids", "-r", "eu-*").out.split() == europe
    rest = [name for name in enabled if not name.startswith("eu-")]
    assert ectwo_here("regions", "find", "-o", "ids", "--exclude-region", "eu-*").out.split() == rest


def test_zones_and_show(ectwo_here: Ectwo, ec2: Ec2) -> None:
    found = ec2.boto("eu-west-1").describe_availability_zones()["AvailabilityZones"]
    zones = sorted(each["ZoneName"] for each in found)
    record = {
        "name": "eu-west-1",
        "opt_in_status": "opt-in-not-required",
        "endpoint": "ec2.eu-west-1.amazonaws.com",
        "zones": zones,
    }
    assert json.loads(ectwo_here("regions", "find", "-r", "eu-west-1", "--zones", "--json").out) == [record]
    assert json.loads(ectwo_here("regions", "show", "eu-west-1", "--json").out) == record
    assert ectwo_here("regions", "show", "eu-west-1", "zones").out.split() == zones
    off = names(ec2, enabled=False)[0]
    assert ectwo_here("regions", "show", off, "opt_in_status").out == "not-opted-in\n"
    gone = ectwo_here("regions", "show", "us-nowhere-1")
    assert (gone.code, gone.err) == (3, "error: no region us-nowhere-1\n")


def test_a_search_is_one_call_a_region_once_the_list_is_cached(ectwo_here: Ectwo, ec2: Ec2) -> None:
    enabled = names(ec2, enabled=True)
    ec2.forget_calls()
    assert ectwo_here("instances", "find").code == 0
    assert ec2.counts() == {"DescribeRegions": 1, "DescribeInstances": len(enabled)}
    ec2.forget_calls()
    assert ectwo_here("instances", "find").code == 0
    assert ec2.counts() == {"DescribeInstances": len(enabled)}
    ec2.forget_calls()
    assert ectwo_here("regions", "find").code == 0
    assert ec2.counts() == {"DescribeRegions": 1}


def test_a_target_with_its_region_is_one_call_in_all(ectwo_here: Ectwo, ec2: Ec2) -> None:
    one = ectwo_here("instances", "find", "--one", "-o", "ids").out.strip()
    ec2.forget_calls()
    assert ectwo_here("instances", "show", one, "id").out.strip() == one.partition("/")[2]
    assert ec2.counts() == {"DescribeInstances": 1}


def test_a_name_is_looked_up_in_all_regions_at_once(ectwo_here: Ectwo, ec2: Ec2) -> None:
    enabled = names(ec2, enabled=True)
    ectwo_here("regions", "find")
    ec2.forget_calls()
    assert ectwo_here("instances", "show", "nobody").code == 3
    assert ec2.counts() == {"DescribeInstances": len(enabled)}


def test_a_list_that_has_no_such_region_is_renewed_before_it_is_believed(ectwo_here: Ectwo, home: Path) -> None:
    assert ectwo_here("instances", "find").code == 0
    (cached,) = home.rglob("regions-*.json")
    cached.write_text('{"us-east-1": "opted-in"}')
    assert ectwo_here("instances", "find", "-r", "eu-west-1").code == 0
    cached.write_text("not json")
    assert ectwo_here("instances", "find", "-r", "eu-west-1").code == 0


def test_where_the_list_may_not_be_asked_the_known_regions_are(ectwo_here: Ectwo, ec2: Ec2) -> None:
    ec2.fault("DescribeRegions", code="UnauthorizedOperation", status=403)
    found = ectwo_here("instances", "find", "-r", "us-east-1,eu-west-1", "-o", "ids")
    assert (found.code, found.err) == (0, "")
    assert {line.partition("/")[0] for line in found.out.split()} == {"us-east-1", "eu-west-1"}
