"""``ectwo spot`` and ``images spot-*``: compared with what boto3 and plain Python say of the same EC2."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import Ec2

REGIONS = ("us-east-1", "us-west-2")
HERE = ("-r", ",".join(REGIONS))
Raw = dict[str, Any]


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


def told(ec2: Ec2, region: str, start: datetime, *, product: str = "Linux/UNIX", **params: Any) -> list[Raw]:
    """All of a region's price history from a time on, as boto3 gives it."""
    pages = ec2.boto(region).get_paginator("describe_spot_price_history")
    return [
        each
        for page in pages.paginate(StartTime=start, ProductDescriptions=[product], **params)
        for each in page["SpotPriceHistory"]
    ]


def now() -> datetime:
    return datetime.now(timezone.utc)


def prices(ec2: Ec2, *types: str, product: str = "Linux/UNIX") -> list[tuple[str, str, float]]:
    """Zone, type and price now of the regions, cheapest first."""
    found = [
        (each["AvailabilityZone"], each["InstanceType"], float(each["SpotPrice"]))
        for region in REGIONS
        for each in told(ec2, region, now(), product=product, InstanceTypes=list(types))
    ]
    return sorted(found, key=lambda each: (each[2], each[0]))


def request(ec2: Ec2, id: str, region: str = "us-east-1") -> Raw:
    (found,) = ec2.boto(region).describe_spot_instance_requests(SpotInstanceRequestIds=[id])["SpotInstanceRequests"]
    return dict(found)


def requested(ec2: Ec2, kind: str = "one-time", *, name: str | None = None) -> Raw:
    """A fulfilled request, made with boto3."""
    boto = ec2.boto()
    chosen = image(ec2, "x86_64")
    specification = {"ImageId": chosen["ImageId"], "InstanceType": "m6i.large"}
    (made,) = boto.request_spot_instances(Type=kind, LaunchSpecification=specification)["SpotInstanceRequests"]
    found = request(ec2, made["SpotInstanceRequestId"])
    assert found["State"] == "active"
    if name:
        boto.create_tags(Resources=[found["InstanceId"]], Tags=[{"Key": "Name", "Value": name}])
    return {"id": found["SpotInstanceRequestId"], "instance_id": found["InstanceId"]}


def image(ec2: Ec2, architecture: str, region: str = "us-east-1") -> Raw:
    """One of our own for Linux."""
    filters = [{"Name": "architecture", "Values": [architecture]}, {"Name": "state", "Values": ["available"]}]
    found = ec2.boto(region).describe_images(Owners=["self"], Filters=filters)["Images"]
    return dict(next(each for each in found if each.get("Platform") != "windows"))


def tags(raw: Raw) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}


def state(ec2: Ec2, instance: str, region: str = "us-east-1") -> str:
    found = ec2.boto(region).describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"])


# Prices


def test_prices_are_ec2s_cheapest_first(ec2: Ec2, ectwo_here: Ectwo) -> None:
    done = ectwo_here("spot", "prices", "m6i.large", "c7g.large", *HERE, "--json")
    assert done.code == 0
    found = records(done)
    assert [(each["zone"], each["type"], each["price"]) for each in found] == prices(ec2, "m6i.large", "c7g.large")
    assert list(found[0]) == ["region", "zone", "type", "platform", "price", "timestamp", "on_demand", "saving"]
    assert {each["platform"] for each in found} == {"linux"}


def test_the_saving_is_against_the_price_on_demand(ec2: Ec2, ectwo_here: Ectwo) -> None:
    wanted = {"instanceType": "m6i.large", "operatingSystem": "Linux", "regionCode": "us-west-2"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    listed = ec2.boto(service="pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    (term,) = json.loads(listed[0])["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    full = float(dimension["pricePerUnit"]["USD"])
    ec2.forget_calls()

    found = records(ectwo_here("spot", "prices", "m6i.large", "-r", "us-west-2", "--json"))
    assert {each["on_demand"] for each in found} == {full}
    assert [each["saving"] for each in found] == [round(100 * (1 - each["price"] / full), 1) for each in found]

    least = found[1]["saving"]
    some = records(
        ectwo_here("spot", "prices", "m6i.large", "-r", "us-west-2", "--where", f"saving >= {least}", "--json")
    )
    assert [each["zone"] for each in some] == [each["zone"] for each in found if each["saving"] >= least]
    assert ec2.counts()["GetProducts"] == 1, "it is kept"


def test_prices_do_without_on_demand_ones(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("GetProducts", service="pricing", code="AccessDeniedException", message="not for you", times=99)
    done = ectwo_here("spot", "prices", "m6i.large", "-r", "us-east-1", "--json")
    assert done.code == 0
    assert {(each["on_demand"], each["saving"]) for each in records(done)} == {(None, None)}
    assert done.err == "on-demand prices are not known: not for you\n"
    plain = ectwo_here("spot", "prices", "m6i.large", "-r", "us-east-1")
    assert plain.err == "", "what is not shown is not asked for"
    assert plain.out.splitlines()[0] == "region\tzone\ttype\tplatform\tprice\ttimestamp"


@pytest.mark.parametrize(
    ("arguments", "products"),
    [
        (["--os", "windows"], {"windows"}),
        (["--os", "windows,suse"], {"windows", "suse"}),
        (["--os", "!linux"], {"windows", "rhel", "suse"}),
        (["--where", "platform = rhel"], {"rhel"}),
        ([], {"linux"}),
    ],
)
def test_platforms(ectwo_here: Ectwo, arguments: list[str], products: set[str]) -> None:
    found = records(ectwo_here("spot", "prices", "m6i.large", "-r", "us-east-1", *arguments, "--json"))
    assert {each["platform"] for each in found} == products


def test_globs_maximum_limit_and_sort(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ask = ("spot", "prices", "--type", "m6?.large,!m6a.*", "-r", "us-east-1", "--json")
    every = records(ectwo_here(*ask))
    types = {each["type"] for each in every}
    assert {"m6i.large", "m6g.large"} <= types and "m6a.large" not in types
    assert all(name.startswith("m6") and name.endswith(".large") and len(name) == 9 for name in types)
    half = every[len(every) // 2]["price"]
    assert (
        records(ectwo_here(*ask, "--max", str(half), "--limit", "5"))
        == [each for each in every if each["price"] <= half][:5]
    )
    dearest = records(ectwo_here(*ask, "--sort", "-price", "--one"))
    assert [each["price"] for each in dearest] == [max(each["price"] for each in every)]


def test_what_prices_refuse(ectwo_here: Ectwo) -> None:
    assert ectwo_here("spot", "prices", "m6i.large", "--type", "m6i.large").code == 2
    ids = ectwo_here("spot", "prices", "m6i.large", "-o", "ids")
    assert (ids.code, ids.out, ids.err) == (2, "", "error: spot prices have no IDs, so there is no -o ids\n")
    assert ectwo_here("spot", "prices", "nonsense", *HERE, "--json").out == "[]\n"
    assert ectwo_here("spot", "prices", "nonsense", *HERE, "--fail-empty").code == 3


def test_a_region_that_fails_does_not_spoil_the_others(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("DescribeSpotPriceHistory", code="UnauthorizedOperation", region="us-west-2", times=99)
    done = ectwo_here("spot", "prices", "m6i.large", *HERE, "--json")
    assert done.code == 6
    assert {each["region"] for each in records(done)} == {"us-east-1"}


# History


def plainly(rows: list[Raw], begin: datetime, end: datetime) -> dict[str, Any]:
    """Least, mean and so on of one zone's changes, the slow way."""
    changes = sorted((row["Timestamp"], float(row["SpotPrice"])) for row in rows if row["Timestamp"] < end)
    before = [change for change in changes if change[0] <= begin]
    course = [*([(begin, before[-1][1])] if before else []), *(change for change in changes if change[0] > begin)]
    lasted = [
        (price, ((course[index + 1][0] if index + 1 < len(course) else end) - time).total_seconds())
        for index, (time, price) in enumerate(course)
    ]
    values = [price for price, _ in lasted]
    return {
        "min": min(values),
        "mean": sum(price * time for price, time in lasted) / sum(time for _, time in lasted),
        "max": max(values),
        "last": values[-1],
        "changes": sum(one != other for one, other in pairwise(values)),
    }


@pytest.mark.parametrize("since", ["7d", "90d", "2026-11-01"])
def test_history_number_by_number(ec2: Ec2, ectwo_here: Ectwo, since: str) -> None:
    done = ectwo_here("spot", "history", "m6i.large", *HERE, "--since", since, "--json")
    assert done.code == 0
    found = {each["zone"]: each for each in records(done)}
    assert list(next(iter(found.values()))) == [
        *("region", "zone", "type", "platform", "min", "mean", "max", "last", "changes", "since", "until")
    ]
    for region in REGIONS:
        rows = told(ec2, region, now() - timedelta(days=90), InstanceTypes=["m6i.large"])
        for zone in {row["AvailabilityZone"] for row in rows}:
            begin, end = (
                datetime.fromisoformat(found[zone][name].replace("Z", "+00:00")) for name in ("since", "until")
            )
            expected = plainly([row for row in rows if row["AvailabilityZone"] == zone], begin, end)
            assert {name: found[zone].pop(name) for name in expected} == pytest.approx(expected, abs=2e-6), zone
    assert sorted(each["region"] for each in found.values()) == sorted(
        region
        for region in REGIONS
        for _ in {row["AvailabilityZone"] for row in told(ec2, region, now(), InstanceTypes=["m6i.large"])}
    )


def test_history_pages(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.forget_calls()
    done = ectwo_here("spot", "history", "m6*.large", "-r", "us-east-1", "--since", "90d", "-o", "csv")
    assert done.code == 0
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert ec2.counts()["DescribeSpotPriceHistory"] > 3
    assert {(row["type"], row["zone"]) for row in rows} == {
        (each["InstanceType"], each["AvailabilityZone"])
        for each in told(ec2, "us-east-1", now(), Filters=[{"Name": "instance-type", "Values": ["m6*.large"]}])
    }


def test_history_of_one_zone_and_platform(ectwo_here: Ectwo) -> None:
    (found,) = records(
        ectwo_here("spot", "history", "m6i.large", *HERE, "--zone", "us-east-1a", "--os", "windows", "--json")
    )
    assert (found["region"], found["zone"], found["platform"]) == ("us-east-1", "us-east-1a", "windows")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["nonsense"], 3, "error: no spot prices of nonsense in us-east-1\n"),
        (["m6i.large", "--since", "now"], 2, "error: --since now is not before --until now\n"),
        (["m6i.large", "--os", "beos"], 2, "error: unknown --os 'beos'\n"),
        (["m6i.large", "--since", "soon"], 2, "error: bad time 'soon'\n"),
    ],
)
def test_what_history_refuses(ectwo_here: Ectwo, arguments: list[str], code: int, error: str) -> None:
    done = ectwo_here("spot", "history", *arguments, "-r", "us-east-1", "--json")
    assert (done.code, done.err.splitlines(keepends=True)[0]) == (code, error)


# Cheapest


def cheapest(ec2: Ec2, architecture: str) -> list[tuple[float, str, str]]:
    """Price, zone and type of what has 4 to 8 vCPUs and 16 GiB or more, from DescribeInstanceTypes and prices."""
    found = []
    for region in REGIONS:
        filters = [
            {"Name": "processor-info.supported-architecture", "Values": [architecture]},
            {"Name": "supported-usage-class", "Values": ["spot"]},
            {"Name": "bare-metal", "Values": ["false"]},
        ]
        pages = ec2.boto(region).get_paginator("describe_instance_types").paginate(Filters=filters)
        types = {
            kind["InstanceType"]
            for page in pages
            for kind in page["InstanceTypes"]
            if 4 <= kind["VCpuInfo"]["DefaultVCpus"] <= 8 and kind["MemoryInfo"]["SizeInMiB"] >= 16384
        }
        found += [
            (float(each["SpotPrice"]), each["AvailabilityZone"], each["InstanceType"])
            for each in told(ec2, region, now())
            if each["InstanceType"] in types
        ]
    return sorted(found)


NEED = ("--vcpus", "4-8", "--memory", "16+", "--arch", "arm64")


def test_cheapest_is_the_cheapest_of_all(ec2: Ec2, ectwo_here: Ectwo) -> None:
    expected = cheapest(ec2, "arm64")
    done = ectwo_here("spot", "cheapest", *NEED, "--count", "3", *HERE, "--json")
    assert done.code == 0
    found = records(done)
    assert [(each["price"], each["zone"], each["type"]) for each in found] == expected[:10]
    assert all(each["architecture"] == "arm64" and 4 <= each["vcpus"] <= 8 and each["memory"] >= 16 for each in found)
    assert [each["total"] for each in found] == [pytest.approx(3 * each["price"]) for each in found]
    assert all(each["score"] is None or 1 <= each["score"] <= 10 for each in found)
    assert any(each["score"] for each in found)

    ec2.fault("GetInstanceTypesFromInstanceRequirements", code="UnauthorizedOperation", times=99)
    ec2.fault("GetSpotPlacementScores", code="UnauthorizedOperation", message="not for you", times=99)
    denied = ectwo_here("spot", "cheapest", *NEED, "--count", "3", *HERE, "--json")
    assert denied.code == 0
    assert denied.err == "placement scores are not known: not for you\n"
    assert records(denied) == [{**each, "score": None} for each in found]


@pytest.mark.parametrize(("by", "of"), [("vcpu", "vcpus"), ("memory", "memory")])
def test_ranked_by_what_one_gets(ec2: Ec2, ectwo_here: Ectwo, by: str, of: str) -> None:
    found = records(
        ectwo_here(
            *("spot", "cheapest", "--vcpus", "2+", "--type", "m6*,c6*", "-r", "us-east-1", "--by", by),
            *("--limit", "30", "--no-score", "--json"),
        )
    )
    ratios = [each["price"] / each[of] for each in found]
    assert ratios == pytest.approx(sorted(ratios), abs=1e-6)
    assert len(found) == 30
    assert "GetSpotPlacementScores" not in ec2.counts()


def test_what_cheapest_refuses(ectwo_here: Ectwo) -> None:
    nothing = ectwo_here("spot", "cheapest", *HERE)
    assert (nothing.code, nothing.err.splitlines()[0]) == (2, "error: what is needed?")
    none = ectwo_here("spot", "cheapest", "--vcpus", "3", "--memory", "17", *HERE)
    assert (none.code, none.err.splitlines()[0]) == (3, "error: no type in 2 regions has all of that as spot")
    assert ectwo_here("spot", "cheapest", "--vcpus", "4", "--arch", "mips").code == 2
    assert ectwo_here("spot", "cheapest", "--vcpus", "8-4").code == 2


# Scores


def test_scores_of_regions_and_zones(ec2: Ec2, ectwo_here: Ectwo) -> None:
    types = ["m6i.large", "m6a.large", "m7i.large"]
    answer = ec2.boto().get_spot_placement_scores(
        InstanceTypes=types, TargetCapacity=20, RegionNames=list(REGIONS), SingleAvailabilityZone=False
    )["SpotPlacementScores"]
    found = records(ectwo_here("spot", "score", *types, "--count", "20", *HERE, "--json"))
    assert {each["region"]: each["score"] for each in found} == {each["Region"]: each["Score"] for each in answer}
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    assert all(each["zone"] is None for each in found)

    zones = records(ectwo_here("spot", "score", *types, "--count", "20", *HERE, "--zones", "--json"))
    names = {
        each["ZoneId"]: each["ZoneName"]
        for region in REGIONS
        for each in ec2.boto(region).describe_availability_zones()["AvailabilityZones"]
    }
    assert zones and all(each["zone"] == names[each["zone_id"]] for each in zones)


def test_a_score_says_what_it_means(ec2: Ec2, ectwo_here: Ectwo) -> None:
    done = ectwo_here("spot", "score", "m6i.large", "-r", "us-east-1")
    assert done.err == "with fewer than 3 types EC2 scores low, whatever they are: name more of them\n"
    header, row = done.out.splitlines()
    assert header == "region\tscore\tmeaning"
    _region, score, meaning = row.split("\t")
    words = {10: "highly likely", 9: "likely", 8: "likely", 7: "may", 6: "may", 5: "may", 1: "not likely"}
    assert meaning.startswith(words.get(int(score), "unlikely"))
    need = ectwo_here("spot", "score", *NEED, *HERE, "--json")
    assert (need.code, len(records(need))) == (0, 2)
    assert ectwo_here("spot", "score", "m6i.large", *NEED).code == 2
    assert ectwo_here("spot", "score").code == 2
    glob = ectwo_here("spot", "score", "m6?.large", "-r", "us-east-1")
    assert (glob.code, glob.err) == (0, "")


# Requests

ASK = ("spot", "request", "--image", "al2023", "--type", "m6i.large", "-r", "us-east-1", "--yes", "-q")


def test_a_request_is_waited_for(ec2: Ec2, ectwo_here: Ectwo) -> None:
    done = ectwo_here(*ASK, "--name", "batch", "--tag", "env=dev", "--count", "2", "--json")
    assert done.code == 0
    found = records(done)
    assert [(each["action"], each["state"], each["status"]) for each in found] == [
        ("fulfilled", "active", "fulfilled")
    ] * 2
    for each in found:
        raw = request(ec2, each["id"])
        assert (raw["Type"], raw["InstanceInterruptionBehavior"]) == ("one-time", "terminate")
        assert raw["LaunchSpecification"]["InstanceType"] == "m6i.large"
        assert tags(raw) == {"Name": "batch", "env": "dev"} == each["tags"]
        machine = ec2.boto().describe_instances(InstanceIds=[each["instance_id"]])["Reservations"][0]["Instances"][0]
        assert tags(machine) == {"Name": "batch", "env": "dev"}
        volume = machine["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        assert tags(ec2.boto().describe_volumes(VolumeIds=[volume])["Volumes"][0]) == {"Name": "batch", "env": "dev"}


def test_a_request_is_made_once(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before = len(ec2.boto().describe_spot_instance_requests()["SpotInstanceRequests"])
    ec2.fault("RequestSpotInstances", lose=True, times=1)
    assert ectwo_here(*ASK, "--no-wait").code == 0
    assert len(ec2.boto().describe_spot_instance_requests()["SpotInstanceRequests"]) == before + 1


def test_terms(ec2: Ec2, ectwo_here: Ectwo) -> None:
    done = ectwo_here(
        *ASK, "--persistent", "--interruption", "stop", "--price", "0.09", "--valid-until", "6h", "--no-wait", "--json"
    )
    (found,) = records(done)
    assert found["action"] == "requested"
    raw = request(ec2, found["id"])
    assert (raw["Type"], raw["InstanceInterruptionBehavior"], float(raw["SpotPrice"])) == ("persistent", "stop", 0.09)
    assert timedelta(hours=5.9) < raw["ValidUntil"] - now() < timedelta(hours=6.1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--interruption", "stop"], "error: --interruption stop is for persistent requests alone"),
        (["--price", "cheap"], "error: bad --price 'cheap'"),
        (["--price", "0.001"], "error: EC2 takes no --price of 0.001 or less"),
        (["--valid-until", "2020-01-01"], "error: --valid-until 2020-01-01 is over already"),
    ],
)
def test_what_a_request_refuses(ec2: Ec2, ectwo_here: Ectwo, arguments: list[str], error: str) -> None:
    done = ectwo_here(*ASK, *arguments)
    assert (done.code, done.err.splitlines()[0]) == (2, error)
    assert "RequestSpotInstances" not in ec2.counts()


def test_the_same_preflight_as_for_a_launch(ec2: Ec2, ectwo_here: Ectwo) -> None:
    done = ectwo_here(*ASK, "--key", "nobodys")
    assert (done.code, done.err.splitlines()[0]) == (3, "error: no key pair nobodys in us-east-1")
    assert "RequestSpotInstances" not in ec2.counts()


def test_a_price_under_the_present_one_is_said_and_the_request_stays_open(ec2: Ec2, ectwo_here: Ectwo) -> None:
    here = min(price for zone, _, price in prices(ec2, "m6i.large") if zone.startswith("us-east-1"))
    loud = [each for each in ASK if each != "-q"]
    done = ectwo_here(*loud, "--price", "0.002", "--timeout", "2", "--json")
    assert done.code == 8
    (found,) = records(done)
    assert (found["state"], found["status"], found["action"]) == ("open", "price-too-low", "requested")
    assert found["meaning"] == "the price is above your maximum"
    assert f"warning: 0.002 USD is less than the price now, {here:g} in us-east-1" in done.err
    assert f"hint: take it up again with: ectwo spot show us-east-1/{found['id']}" in done.err


def test_a_request_that_fails(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("RequestSpotInstances", outcome={"status": "bad-parameters"}, times=1)
    done = ectwo_here(*ASK, "--json")
    assert done.code == 1
    (found,) = records(done)
    assert found["state"] == "failed"
    assert found["error"].startswith("it is failed (bad-parameters): ")


def test_a_dry_run_requests_nothing(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before = ec2.boto().describe_spot_instance_requests()["SpotInstanceRequests"]
    done = ectwo_here(*(each for each in ASK if each != "-q"), "--dry-run", "--count", "2", "--json")
    assert (done.code, done.out) == (0, "[]\n")
    assert "Request 2 spot instances in us-east-1:" in done.err
    assert ec2.boto().describe_spot_instance_requests()["SpotInstanceRequests"] == before


# Find, show, cancel


def test_find_leaves_out_what_is_over(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (made,) = records(ectwo_here(*ASK, "--no-wait", "--json"))
    ec2.boto().cancel_spot_instance_requests(SpotInstanceRequestIds=[made["id"]])
    raw = {
        each["SpotInstanceRequestId"]: each["State"]
        for each in ec2.boto().describe_spot_instance_requests()["SpotInstanceRequests"]
    }
    over = {"cancelled", "closed"}

    def found(*arguments: str) -> set[str]:
        return {each["id"] for each in records(ectwo_here("spot", "find", "-r", "us-east-1", "--json", *arguments))}

    assert made["id"] in raw
    assert found() == {id for id, state in raw.items() if state not in over}
    assert found("--all-states") == set(raw)
    assert found("--state", "cancelled,closed") == {id for id, state in raw.items() if state in over}
    assert found("--state", "!open") == {id for id, state in raw.items() if state not in {*over, "open"}}
    assert found("--where", f"id = {made['id']}") == {made["id"]}


def test_show_by_id_and_by_instance(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = requested(ec2)
    assert ectwo_here("spot", "show", made["id"], "instance_id", "meaning").out == (
        f"{made['instance_id']}\nthe instance is there\n"
    )
    assert ectwo_here("spot", "show", made["instance_id"], "id").out == f"{made['id']}\n"
    raw = json.loads(ectwo_here("spot", "show", f"us-east-1/{made['id']}", "--raw").out)
    assert raw["LaunchSpecification"]["InstanceType"] == "m6i.large"
    assert ectwo_here("spot", "show", "sir-00000000").code == 3
    assert ectwo_here("spot", "show", "sir-0").code == 2


def test_cancel_leaves_the_instance(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = requested(ec2, name="stays")
    asked = ectwo_here("spot", "cancel", made["id"])
    assert asked.code == 10
    assert f"instance stays ({made['instance_id']}) goes on running and costing money" in asked.err
    assert request(ec2, made["id"])["State"] == "active"

    done = ectwo_here("spot", "cancel", made["id"], "--yes", "--json")
    assert done.code == 0
    assert [(each["action"], each["state"]) for each in records(done)] == [("cancelled", "cancelled")]
    assert f"to end it: ectwo instances terminate us-east-1/{made['instance_id']}" in done.err
    assert request(ec2, made["id"])["State"] == "cancelled"
    assert state(ec2, made["instance_id"]) in ("pending", "running")
    again = ectwo_here("spot", "cancel", made["id"], "--yes", "--json")
    assert (again.code, records(again)[0]["action"]) == (0, "unchanged")


def test_cancel_and_terminate(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = requested(ec2, "persistent")
    rehearsed = ectwo_here("spot", "cancel", made["id"], "--terminate", "--dry-run", "--json")
    assert (rehearsed.code, records(rehearsed)[0]["action"]) == (0, "would cancel")
    assert request(ec2, made["id"])["State"] == "active"

    ec2.forget_calls()
    done = ectwo_here("spot", "cancel", made["id"], "--terminate", "--yes", "--json")
    assert done.code == 0
    assert state(ec2, made["instance_id"]) == "terminated"
    assert request(ec2, made["id"])["State"] == "cancelled"
    changes = [each["operation"] for each in ec2.calls()]
    assert changes.index("CancelSpotInstanceRequests") < changes.index("TerminateInstances"), "else it starts another"


def test_an_instance_whose_request_is_over_is_asked_about_too(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = requested(ec2)
    ec2.boto().cancel_spot_instance_requests(SpotInstanceRequestIds=[made["id"]])
    assert ectwo_here("spot", "cancel", made["id"], "--terminate").code == 10
    assert state(ec2, made["instance_id"]) in ("pending", "running")
    assert ectwo_here("spot", "cancel", made["id"], "--terminate", "--yes").code == 0
    assert state(ec2, made["instance_id"]) == "terminated"


def test_one_that_ec2_refuses_does_not_spoil_the_others(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = [requested(ec2)["id"] for _ in range(2)]
    ec2.fault(
        "CancelSpotInstanceRequests",
        code="InvalidSpotInstanceRequestID.NotFound",
        message=f"The spot instance request ID '{made[0]}' does not exist",
        times=1,
    )
    done = ectwo_here("spot", "cancel", *made, "--yes", "--json")
    assert done.code == 6
    assert {each["id"]: each["action"] for each in records(done)} == {made[0]: None, made[1]: "cancelled"}


# From an image


def test_prices_of_the_types_that_an_image_runs_on(ec2: Ec2, ectwo_here: Ectwo) -> None:
    chosen = image(ec2, "x86_64")
    found = records(ectwo_here("images", "spot-prices", chosen["ImageId"], "--type", "m6*.large", "--json"))
    filters = [
        {"Name": "processor-info.supported-architecture", "Values": ["x86_64"]},
        {"Name": "instance-type", "Values": ["m6*.large"]},
    ]
    kinds = ec2.boto().describe_instance_types(Filters=filters)["InstanceTypes"]
    types = [kind["InstanceType"] for kind in kinds]
    assert "m6i.large" in types and "m6g.large" not in types
    assert [(each["zone"], each["type"], each["price"]) for each in found] == [
        each for each in prices(ec2, *types) if each[0].startswith("us-east-1")
    ]


def test_a_request_that_begins_with_an_image(ec2: Ec2, ectwo_here: Ectwo) -> None:
    chosen = image(ec2, "x86_64")
    ask = ("images", "spot-request", chosen["Name"], "-r", "us-east-1", "--yes", "-q")
    (made,) = records(ectwo_here(*ask, "--type", "m6i.large", "--no-wait", "--json"))
    assert (made["action"], made["image_id"]) == ("requested", chosen["ImageId"])
    refused = ectwo_here(*ask, "--type", "m6g.large")
    assert (refused.code, refused.err.splitlines()[0]) == (1, "error: m6g.large is arm64, and the image is x86_64")
