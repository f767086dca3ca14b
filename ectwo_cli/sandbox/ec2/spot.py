"""Spot: prices, placement scores and requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from ectwo_cli.sandbox import geography, prices
from ectwo_cli.sandbox.asking import Ask, Handler, tags_of
from ectwo_cli.sandbox.ec2 import launching, states, types
from ectwo_cli.sandbox.filters import Table, matches, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value
from ectwo_cli.sandbox.wire import moment, stamp
from ectwo_cli.sandbox.world import Region, Thing

_STATUS = {
    "pending-evaluation": "Your Spot request has been submitted for review, and is pending evaluation.",
    "pending-fulfillment": "Your Spot request is pending fulfillment.",
    "price-too-low": "Your Spot request price is lower than the minimum required Spot request fulfillment price.",
    "capacity-not-available": "There is no Spot capacity available that matches your request.",
    "fulfilled": "Your Spot request is fulfilled.",
    "request-canceled-and-instance-running": "Your Spot request is canceled, but your instance is still running.",
    "canceled-before-fulfillment": "Your Spot request is canceled before it was fulfilled.",
    "instance-terminated-by-user": "Your Spot Instance was terminated by you.",
    "schedule-expired": "Your Spot request was not fulfilled before its valid until date.",
    "bad-parameters": "One or more parameters for your Spot request are not valid.",
    "marked-for-termination": "Your Spot Instance is marked for termination.",
    "instance-terminated-no-capacity": "Your Spot Instance was terminated: there is no Spot capacity any more.",
    "instance-stopped-by-user": "Your Spot Instance was stopped by you.",
    "system-error": "There was an unexpected system error.",
}


def describe_price_history(ask: Ask) -> dict[str, Any]:
    """DescribeSpotPriceHistory, the latest first within a zone, type and product; 1000 a page."""
    here = ask.here
    now = here.now()
    end = _seconds(ask.get("EndTime"), now)
    start = _seconds(ask.get("StartTime"), now - prices.DAYS * 86400)
    if start > end:
        raise Refusal("InvalidParameterValue", "The start time must be before the end time.")
    offered = types.offered(here.name)
    names, products, zones = ask.get("InstanceTypes"), ask.get("ProductDescriptions"), ask.get("AvailabilityZone")
    conditions: dict[str, list[list[str]]] = {}
    for one in ask.get("Filters", ()):
        known = ("availability-zone", "instance-type", "product-description", "spot-price", "timestamp")
        if one.get("Name") not in known:
            raise Refusal("InvalidParameterValue", f"The filter '{one.get('Name')}' is invalid")
        conditions.setdefault(one["Name"], []).append([str(value) for value in one.get("Values", ())])

    def let(name: str, value: str) -> bool:
        return all(matches(wanted, [value]) for wanted in conditions.get(name, ()))

    combinations = [
        (name, zone, product)
        for name, where in offered.items()
        if (not names or name in names) and let("instance-type", name) and "spot" in _usage(name)
        for zone in where
        if zones in (None, "", zone) and let("availability-zone", zone)
        for product in prices.PRODUCTS
        if (not products or product in [one.removesuffix(" (Amazon VPC)") for one in products])
        and let("product-description", product)
        and (product != "Windows" or "x86_64" in _architectures(name))
    ]
    size = max(1, min(int(ask.get("MaxResults", 1000) or 1000), 1000))
    at, skip = _token(ask.get("NextToken"))
    rows: list[dict[str, Any]] = []
    for index in range(at, len(combinations)):
        name, zone, product = combinations[index]
        changes = prices.history(types.details(name) or {}, here.name, zone, product, start, end, now)
        for position, (when, price) in enumerate(islice(changes, skip, None), skip):
            written = prices.format_price(price)
            timestamp = here.moment(when)
            if not let("spot-price", written) or not let("timestamp", stamp(timestamp)):
                continue
            if len(rows) == size:
                return {"SpotPriceHistory": rows, "NextToken": f"{index}:{position}"}
            rows.append(
                {
                    "AvailabilityZone": zone,
                    "InstanceType": name,
                    "ProductDescription": product,
                    "SpotPrice": written,
                    "Timestamp": timestamp,
                }
            )
        skip = 0
    return {"SpotPriceHistory": rows, "NextToken": ""}


def _usage(name: str) -> list[str]:
    return list((types.details(name) or {}).get("SupportedUsageClasses", ()))


def _architectures(name: str) -> list[str]:
    return list((types.details(name) or {})["ProcessorInfo"]["SupportedArchitectures"])


def _seconds(value: Any, default: float) -> float:
    if value is None or value == "":
        return default
    return (value if isinstance(value, datetime) else moment(str(value))).timestamp()


def _token(token: str | None) -> tuple[int, int]:
    if not token:
        return 0, 0
    try:
        index, position = token.split(":")
        return int(index), int(position)
    except ValueError:
        raise Refusal("InvalidParameterValue", "Unable to parse pagination token") from None


def get_placement_scores(ask: Ask) -> dict[str, Any]:
    """GetSpotPlacementScores: 1 to 10 for each region or zone, the ten best of them."""
    here = ask.here
    capacity = int(ask.need("TargetCapacity"))
    names = ask.get("InstanceTypes") or []
    needs = ask.get("InstanceRequirementsWithMetadata")
    if not names and not needs:
        raise Refusal("MissingParameter", "Either InstanceTypes or InstanceRequirementsWithMetadata is required.")
    unknown = [name for name in names if types.details(name) is None]
    if unknown:
        raise bad_value(unknown[0], "InstanceTypes")
    regions = ask.get("RegionNames") or here.world.enabled()
    bad = [name for name in regions if name not in geography.REGIONS]
    if bad:
        raise bad_value(bad[0], "RegionNames")
    rows = []
    for region in regions:
        places = geography.zones(region) if ask.get("SingleAvailabilityZone") else [region]
        for place in places:
            usable = [
                name
                for name in names
                if name in types.offered(region) and (place == region or place in types.offered(region)[name])
            ]
            variety = min(3, len(usable)) if names else 3
            luck = prices._share(place, ",".join(sorted(names)), capacity)
            score = max(1, min(10, round(1 + variety + 6 * luck - capacity / 200))) if variety else 1
            row: dict[str, Any] = {"Region": region, "Score": score}
            if place != region:
                row["AvailabilityZoneId"] = _zone_id(here.world.region(region, here.account), place)
            rows.append(row)
    rows.sort(key=lambda row: (-row["Score"], row["Region"], row.get("AvailabilityZoneId", "")))
    chosen, token = page(rows[:10], ask.parameters, least=1)
    return {"SpotPlacementScores": chosen, "NextToken": token}


def _zone_id(here: Region, zone: str) -> str:
    ids = types.zone_ids(Ask(here, "DescribeAvailabilityZones", {}))
    return ids[zone]


_DISKS = "LaunchSpecification.BlockDeviceMappings"

_FILTERS: Table = {
    "availability-zone-group": "AvailabilityZoneGroup",
    "create-time": "CreateTime",
    "fault-code": "Fault.Code",
    "fault-message": "Fault.Message",
    "instance-id": "InstanceId",
    "launch-group": "LaunchGroup",
    "launch.block-device-mapping.delete-on-termination": f"{_DISKS}.Ebs.DeleteOnTermination",
    "launch.block-device-mapping.device-name": f"{_DISKS}.DeviceName",
    "launch.block-device-mapping.snapshot-id": f"{_DISKS}.Ebs.SnapshotId",
    "launch.block-device-mapping.volume-size": f"{_DISKS}.Ebs.VolumeSize",
    "launch.block-device-mapping.volume-type": f"{_DISKS}.Ebs.VolumeType",
    "launch.group-id": "LaunchSpecification.SecurityGroups.GroupId",
    "launch.group-name": "LaunchSpecification.SecurityGroups.GroupName",
    "launch.image-id": "LaunchSpecification.ImageId",
    "launch.instance-type": "LaunchSpecification.InstanceType",
    "launch.kernel-id": "LaunchSpecification.KernelId",
    "launch.key-name": "LaunchSpecification.KeyName",
    "launch.monitoring-enabled": "LaunchSpecification.Monitoring.Enabled",
    "launch.ramdisk-id": "LaunchSpecification.RamdiskId",
    "launched-availability-zone": "LaunchedAvailabilityZone",
    "network-interface.subnet-id": "LaunchSpecification.SubnetId",
    "product-description": "ProductDescription",
    "spot-instance-request-id": "SpotInstanceRequestId",
    "spot-price": "SpotPrice",
    "state": "State",
    "status-code": "Status.Code",
    "status-message": "Status.Message",
    "type": "Type",
    "valid-from": "ValidFrom",
    "valid-until": "ValidUntil",
}


def _pick(ask: Ask, ids: list[str]) -> list[Thing]:
    requests = ask.here.spot_requests
    for one in ids:
        if not one.startswith("sir-"):
            raise Refusal(
                "InvalidSpotInstanceRequestID.Malformed", f"The Spot Instance request ID '{one}' is malformed"
            )
    unknown = [one for one in ids if one not in requests]
    if unknown:
        raise Refusal(
            "InvalidSpotInstanceRequestID.NotFound",
            f"The spot instance request ID '{unknown[0]}' does not exist",
        )
    return [requests[one] for one in ids]


def describe_requests(ask: Ask) -> dict[str, Any]:
    """DescribeSpotInstanceRequests: cancelled and closed ones too, for a while."""
    here = ask.here
    ids = ask.get("SpotInstanceRequestIds")
    things = _pick(ask, ids) if ids else here.visible(here.spot_requests.values())
    rows = select([here.with_tags(thing) for thing in things], ask.get("Filters"), _FILTERS)
    chosen, token = page(rows, ask.parameters)
    return {"SpotInstanceRequests": chosen, "NextToken": token}


def _product(image: Mapping[str, Any]) -> str:
    return "Windows" if image.get("Platform") == "windows" else "Linux/UNIX"


def make_request(
    here: Region,
    plan: launching.Plan,
    *,
    price: str | None,
    kind: str,
    behaviour: str | None,
    until: datetime | None,
    tags: list[dict[str, str]],
    created: float | None = None,
) -> Thing:
    """A new spot request, open."""
    # EC2's IDs of spot requests are short.
    request_id = f"sir-{here.random.choice('abcdefghjkmnpqrstuvwxyz')}{here.random.getrandbits(32):08x}"[:12]
    image = plan.image
    full = prices.on_demand(types.details(plan.type) or {}, here.name, _product(image))
    data: dict[str, Any] = {
        "CreateTime": here.moment(created),
        "InstanceInterruptionBehavior": behaviour or "terminate",
        "LaunchSpecification": {
            "SecurityGroups": [{"GroupId": one.id, "GroupName": one.name} for one in plan.groups],
            "BlockDeviceMappings": plan.mappings,
            "EbsOptimized": False,
            "IamInstanceProfile": plan.profile,
            "ImageId": image["ImageId"],
            "InstanceType": plan.type,
            "KeyName": plan.key,
            "Placement": {"AvailabilityZone": plan.subnet.zone},
            "SubnetId": plan.subnet.id,
            "Monitoring": {"Enabled": False},
        },
        "ProductDescription": _product(image),
        "SpotInstanceRequestId": request_id,
        "SpotPrice": prices.format_price(float(price)) if price else prices.format_price(full),
        "State": "open",
        "Status": _status(here, "pending-evaluation", created),
        "Type": kind,
        "ValidUntil": until,
    }
    specification = data["LaunchSpecification"]
    data["LaunchSpecification"] = {name: value for name, value in specification.items() if value is not None}
    data = {name: value for name, value in data.items() if value is not None}
    thing = Thing(request_id, data, here.now(), {"plan": plan})
    here.spot_requests[request_id] = thing
    here.tag(request_id, tags)
    return thing


def _status(here: Region, code: str, at: float | None = None) -> dict[str, Any]:
    return {"Code": code, "Message": _STATUS[code], "UpdateTime": here.moment(at)}


def evaluate(here: Region, request: Thing, outcome: Mapping[str, Any] | None = None) -> None:
    """Fulfil an open request, or say why it stays open; again after a while."""
    if request.data["State"] != "open":
        return
    until = request.data.get("ValidUntil")
    if until is not None and until <= here.moment():
        finish(here, request, "closed" if request.data["Type"] == "one-time" else "cancelled", "schedule-expired")
        return
    plan: launching.Plan = request.extra["plan"]
    now = prices.spot_now(
        types.details(plan.type) or {}, here.name, plan.subnet.zone, request.data["ProductDescription"], here.now()
    )
    held = (outcome or {}).get("status")
    if held and str(held) in ("bad-parameters", "system-error"):
        request.data["State"] = "failed"
        request.data["Fault"] = {"Code": str(held), "Message": _STATUS[str(held)]}
        request.data["Status"] = _status(here, str(held))
        return
    if held:
        request.data["Status"] = _status(here, str(held))
        return
    if float(request.data["SpotPrice"]) < now:
        request.data["Status"] = _status(here, "price-too-low")
        here.after(60, lambda: evaluate(here, request))
        return
    (instance,) = launching.launch(here, plan, spot_request=request.id)
    fulfil(here, request, instance)


def fulfil(here: Region, request: Thing, instance: Thing, at: float | None = None) -> None:
    """The request has its instance."""
    request.data.update(
        State="active",
        Status=_status(here, "fulfilled", at),
        InstanceId=instance.id,
        LaunchedAvailabilityZone=instance.data["Placement"]["AvailabilityZone"],
        ActualBlockHourlyPrice=None,
    )
    del request.data["ActualBlockHourlyPrice"]


def finish(here: Region, request: Thing, state: str, code: str) -> None:
    """The request is ``cancelled`` or ``closed``, and goes from the list after a while."""
    request.data["State"] = state
    request.data["Status"] = _status(here, code)
    if not request.extra.get("kept"):
        here.after(here.settings.terminated_for, lambda: _forget(here, request))


def _forget(here: Region, request: Thing) -> None:
    here.spot_requests.pop(request.id, None)
    here.tags.pop(request.id, None)


def instance_gone(here: Region, instance: Thing) -> None:
    """A spot instance was terminated by its user: a one-time request is closed, a persistent one opens again."""
    request = here.spot_requests.get(instance.data.get("SpotInstanceRequestId", ""))
    if request is None or request.data["State"] in ("cancelled", "closed"):
        return
    if request.data["Type"] == "one-time":
        finish(here, request, "closed", "instance-terminated-by-user")
        return
    request.data["State"] = "open"
    request.data["Status"] = _status(here, "pending-evaluation")
    for name in ("InstanceId", "LaunchedAvailabilityZone"):
        request.data.pop(name, None)
    here.after(here.settings.spot, lambda: evaluate(here, request))


def interrupt(here: Region, instance: Thing) -> None:
    """EC2 takes a spot instance back: it is terminated, or stopped when its request says so."""
    request = here.spot_requests.get(instance.data.get("SpotInstanceRequestId", ""))
    if request is not None and request.data["InstanceInterruptionBehavior"] == "stop":
        states.stop(here, instance)
        request.data["State"] = "disabled"
        return
    states.terminate(
        here,
        instance,
        {
            "Code": "Server.SpotInstanceTermination",
            "Message": "Server.SpotInstanceTermination: Spot instance termination",
        },
    )
    if request is not None:
        finish(here, request, "closed", "instance-terminated-no-capacity")


def request_spot_instances(ask: Ask) -> dict[str, Any]:
    """RequestSpotInstances, once for each ClientToken."""
    return ask.here.once("RequestSpotInstances", ask.parameters, lambda: _request(ask))


def _request(ask: Ask) -> dict[str, Any]:
    here = ask.here
    specification = dict(ask.get("LaunchSpecification", {}))
    specification.pop("TagSpecifications", None)
    plan = launching.planned(here, specification)
    plan.spot = True
    kind = ask.get("Type", "one-time")
    if kind not in ("one-time", "persistent"):
        raise bad_value(kind, "type")
    count = int(ask.get("InstanceCount", 1))
    if count < 1:
        raise bad_value(count, "instanceCount")
    behaviour = ask.get("InstanceInterruptionBehavior", "terminate")
    if behaviour not in ("terminate", "stop", "hibernate"):
        raise bad_value(behaviour, "instanceInterruptionBehavior")
    if behaviour != "terminate" and kind == "one-time":
        raise Refusal(
            "InvalidParameterCombination",
            f"The interruption behavior '{behaviour}' is supported for persistent Spot requests only.",
        )
    until = ask.get("ValidUntil")
    if until is not None and until <= here.moment():
        raise bad_value(stamp(until), "validUntil", "It must be in the future.")
    price = ask.get("SpotPrice")
    if price is not None and float(price) <= 0:
        raise bad_value(price, "price", "It must be above 0.")
    tags = tags_of(ask.get("TagSpecifications"), ("spot-instances-request",)).get("spot-instances-request", [])
    ask.commit()
    things = [
        make_request(here, plan, price=price, kind=kind, behaviour=behaviour, until=until, tags=tags)
        for _ in range(count)
    ]
    for thing in things:
        here.after(here.settings.spot, lambda thing=thing: evaluate(here, thing, ask.outcome))  # type: ignore[misc]
    return {"SpotInstanceRequests": [here.with_tags(thing) for thing in things]}


def launched(here: Region, plan: launching.Plan, options: Mapping[str, Any]) -> dict[str, Any]:
    """RunInstances with MarketType spot: the requests are made and fulfilled in the call. Raises Refusal."""
    kind = options.get("SpotInstanceType", "one-time")
    price = options.get("MaxPrice")
    now = prices.spot_now(types.details(plan.type) or {}, here.name, plan.subnet.zone, _product(plan.image), here.now())
    if price and float(price) < now:
        raise Refusal(
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {price} is lower than the minimum required Spot request fulfillment price of "
            f"{prices.format_price(now)}.",
        )
    tags = plan.tags.get("spot-instances-request", [])
    things: list[Thing] = []
    for _ in range(plan.count):
        request = make_request(
            here,
            plan,
            price=price,
            kind=kind,
            behaviour=options.get("InstanceInterruptionBehavior"),
            until=options.get("ValidUntil"),
            tags=tags,
        )
        plan_one = launching.Plan(**{**plan.__dict__, "count": 1})
        (instance,) = launching.launch(here, plan_one, spot_request=request.id)
        if things:
            instance.extra["reservation"] = things[0].extra["reservation"]
        fulfil(here, request, instance)
        things.append(instance)
    return launching.reservation(here, things)


def cancel_requests(ask: Ask) -> dict[str, Any]:
    """CancelSpotInstanceRequests: the instances run on."""
    here = ask.here
    things = _pick(ask, ask.need("SpotInstanceRequestIds"))
    ask.commit()
    rows = []
    for thing in things:
        if thing.data["State"] in ("open", "active", "disabled"):
            instance = here.instances.get(thing.data.get("InstanceId", ""))
            runs = instance is not None and states.state(instance) not in ("terminated", "shutting-down")
            code = "request-canceled-and-instance-running" if runs else "canceled-before-fulfillment"
            finish(here, thing, "cancelled", code)
        rows.append({"SpotInstanceRequestId": thing.id, "State": thing.data["State"]})
    return {"CancelledSpotInstanceRequests": rows}


HANDLERS: dict[str, Handler] = {
    "DescribeSpotPriceHistory": describe_price_history,
    "GetSpotPlacementScores": get_placement_scores,
    "DescribeSpotInstanceRequests": describe_requests,
    "RequestSpotInstances": request_spot_instances,
    "CancelSpotInstanceRequests": cancel_requests,
}
