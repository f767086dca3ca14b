"""What is to be done about each pair: existing copies, conflicts, what blocks, encryption, names and tags."""

from __future__ import annotations

from typing import Any

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.migration import money, tags
from ectwo_cli.migration.facts import lineage
from ectwo_cli.migration.plan import Action, Pair, encryption, intent_of, read_intent, shortest_duration
from ectwo_cli.migration.wish import Wish, fill

from .fake import GIB, FakeEC2
from .world import migrate, plan_of, run

HOME, WEST = "us-east-1", "us-west-2"
KEY = "arn:aws:kms:us-west-2:111122223333:key/1"


@pytest.fixture
def ec2() -> FakeEC2:
    made = FakeEC2()
    made.keys[KEY] = {"KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "Arn": KEY, "KeyManager": "CUSTOMER"}
    return made


def pair_of(ec2: FakeEC2, id: str, resource: str = "image", **wishes: Any) -> Pair:
    [pair] = plan_of(ec2, {HOME: [id]}, [WEST], resource, **wishes).pairs
    return pair


def blocked(pair: Pair) -> str | None:
    assert pair.action is Action.BLOCKED
    return pair.reason


def test_the_same_command_makes_the_same_plan_and_the_same_request(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web")
    first = plan_of(ec2, {HOME: [id]}, [WEST])
    ec2.clock.seconds += 3600
    second = plan_of(ec2, {HOME: [id]}, [WEST])
    assert first.id == second.id and first.id.startswith("m")
    assert first.pairs[0].request(first.id, 1) == second.pairs[0].request(second.id, 1)
    assert first.pairs[0].token(1) != first.pairs[0].token(2)
    assert len(first.pairs[0].token(1)) == 64


@pytest.mark.parametrize(
    ("source", "default", "wishes", "outcome"),
    [
        (False, False, {}, "plain"),
        (False, False, {"encrypt": True}, "encrypted (alias/aws/ebs)"),
        (False, False, {"kms_keys": (("", KEY),)}, "encrypted (1)"),
        (False, True, {}, "encrypted (alias/aws/ebs)"),
        (True, False, {}, "encrypted"),
        (True, True, {}, "encrypted (alias/aws/ebs)"),
        (True, False, {"kms_keys": ((WEST, KEY),)}, "encrypted (1)"),
    ],
)
def test_the_outcome_of_encryption(
    ec2: FakeEC2, source: bool, default: bool, wishes: dict[str, Any], outcome: str
) -> None:
    ec2.regions[WEST].encrypts = default
    id = ec2.add_image(HOME, "web", snapshots=[ec2.add_snapshot(HOME, Encrypted=source)])
    plan = plan_of(ec2, {HOME: [id]}, [WEST], **wishes)
    assert encryption(plan.pairs[0]) == outcome
    assert run(ec2, plan)[1].results[0].verify == ()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("alias/none", f"there is no key alias/none in {WEST}"),
        (KEY.replace(WEST, HOME), f"the key {KEY.replace(WEST, HOME)} is in {HOME}, not in {WEST}"),
        ("off", f"the key off in {WEST} is Disabled"),
        ("rsa", f"the key rsa in {WEST} is not a symmetric encryption key"),
    ],
)
def test_keys_that_can_not_be_used(ec2: FakeEC2, key: str, reason: str) -> None:
    ec2.keys["off"] = {"KeyState": "Disabled", "KeyUsage": "ENCRYPT_DECRYPT", "Arn": KEY}
    ec2.keys["rsa"] = {"KeyState": "Enabled", "KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048", "Arn": KEY}
    assert blocked(pair_of(ec2, ec2.add_image(HOME, "web"), kms_keys=(("", key),))) == reason


def test_sources_that_can_not_be_copied(ec2: FakeEC2) -> None:
    pending = ec2.add_image(HOME, "web", State="pending")
    assert blocked(pair_of(ec2, pending)) == f"{HOME}/{pending} is pending"
    archived = ec2.add_snapshot(HOME, StorageTier="archive")
    assert blocked(pair_of(ec2, ec2.add_image(HOME, "web", snapshots=[archived]))) == f"{archived} is archived"
    unfinished = ec2.add_snapshot(HOME, State="pending")
    assert blocked(pair_of(ec2, unfinished, "snapshot")) == f"{HOME}/{unfinished} is not completed"
    market = ec2.add_image(
        HOME, "web", OwnerId="679593333241", ProductCodes=[{"ProductCodeId": "x", "ProductCodeType": "marketplace"}]
    )
    assert blocked(pair_of(ec2, market)) == f"{HOME}/{market} is a Marketplace image of another account"


def test_names_and_tags_that_ec2_would_refuse(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web")
    assert (
        blocked(pair_of(ec2, id, name="{name}:{to}")) == "the name 'web:us-west-2' has characters that EC2 refuses: :"
    )
    full = ec2.add_image(HOME, "full", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(49)])
    assert blocked(pair_of(ec2, full)) == "49 tags and 2 of ectwo, EC2 allows 50"
    assert pair_of(ec2, full, carry_tags=False).action is Action.COPY


def test_where_there_is_no_room_for_the_intent_it_is_left_out(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "full", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(48)])
    pair = pair_of(ec2, id)
    assert (pair.action, pair.intent) == (Action.COPY, {})
    assert migrate(ec2, {HOME: [id]}, [WEST]).done == 1


def test_a_copy_under_the_default_key_can_not_be_shared(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web")
    wishes: dict[str, Any] = {"encrypt": True, "share": ("777788889999",)}
    assert blocked(pair_of(ec2, id, **wishes)) == "a copy under the default key of AWS can't be shared"
    assert pair_of(ec2, id, **wishes, kms_keys=((WEST, KEY),)).action is Action.COPY
    ec2.regions[WEST].default_key = managed = KEY.replace("key/1", "key/aws")
    ec2.keys[managed] = {"KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "Arn": managed, "KeyManager": "AWS"}
    assert blocked(pair_of(ec2, id, **wishes)) == "a copy under the default key of AWS can't be shared"
    ec2.regions[WEST].default_key = KEY
    assert pair_of(ec2, id, **wishes).action is Action.COPY
    assert blocked(pair_of(ec2, id, encrypt=True, share=("public",))) == "an encrypted copy can't be public"


@pytest.mark.parametrize(
    ("policy", "action"),
    [("fail", Action.CONFLICT), ("skip", Action.SKIP), ("rename", Action.COPY), ("copy-anyway", Action.COPY)],
)
def test_a_name_that_is_taken(ec2: FakeEC2, policy: str, action: Action) -> None:
    id, other = ec2.add_image(HOME, "web"), ec2.add_image(WEST, "web")
    pair = pair_of(ec2, id, on_conflict=policy)
    assert pair.action is action
    if action is not Action.COPY:
        assert pair.reason == f"the name 'web' is taken there by {other}"
    assert pair.desired.name == (f"web-{id}" if policy == "rename" else "web")


def test_two_sources_that_want_one_name(ec2: FakeEC2) -> None:
    first, second = ec2.add_image(HOME, "web"), ec2.add_image("eu-west-1", "web")
    plan = plan_of(ec2, {HOME: [first], "eu-west-1": [second]}, [WEST])
    assert [(pair.action, pair.reason) for pair in plan.pairs] == [
        (Action.COPY, None),
        (Action.CONFLICT, f"{HOME}/{first} gets the name 'web' there"),
    ]


def test_a_copy_that_differs_in_what_can_not_be_mended(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web")
    [made] = migrate(ec2, {HOME: [id]}, [WEST]).results
    pair = pair_of(ec2, id, encrypt=True)
    assert (pair.action, pair.reason) == (Action.CONFLICT, f"copied before as {made.id}, not encrypted")
    pair = pair_of(ec2, id, name="other")
    assert (pair.action, pair.reason) == (Action.CONFLICT, f"copied before as {made.id}, under the name 'web'")
    # And what can: that is mended.
    pair = pair_of(ec2, id, tags=(("team", "blue"),))
    assert pair.action is Action.FIX


def test_a_source_that_is_a_copy_itself_loses_our_marks(ec2: FakeEC2) -> None:
    id = ec2.add_image(
        HOME, "web", SourceImageId="ami-1", SourceImageRegion=WEST, Tags=[{"Key": tags.SOURCE, "Value": "x/y"}]
    )
    pair = pair_of(ec2, id)
    assert pair.notes == (f"{HOME}/{id} is itself a copy of {WEST}/ami-1",)
    assert pair.desired.tags == {}


def test_a_past_deprecation_is_not_carried(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web", DeprecationTime="2020-01-01T00:00:00.000Z")
    assert pair_of(ec2, id).desired.deprecate_at is None


def test_hundreds_of_sources_are_asked_for_in_pieces(ec2: FakeEC2) -> None:
    ids = [ec2.add_image(HOME, f"web-{n}") for n in range(450)]
    ec2.page = 100
    plan = plan_of(ec2, {HOME: ids}, [WEST])
    assert plan.count(Action.COPY) == 450
    assert all(len(value["Values"]) <= 200 for call in ec2.log for value in call[3].get("Filters", ()))


def test_an_intent_survives_the_tags(ec2: FakeEC2) -> None:
    ids = [ec2.add_image(HOME, f"web-{n}") for n in range(150)]
    wish = Wish(tags=(("a", "b"),), kms_keys=((WEST, "k"),), share=("111122223333",), duration=30)
    plan = plan_of(ec2, {HOME: ids}, [WEST])
    packed = tags.pack(intent_of([pair.source for pair in plan.pairs], [WEST], wish))
    assert len(packed) > 1 and tags.problem(packed) is None
    found = tags.unpack({**packed, "other": "x"})
    assert found is not None
    assert read_intent("image", found) == ({HOME: sorted(ids)}, [WEST], wish)
    broken = {**packed, tags.INTENT: packed[tags.INTENT][1:]}
    assert tags.unpack(broken) is None and tags.unpack({}) is None


def test_templates() -> None:
    assert (
        fill("{name}-{id}-{region}-{to}", name=None, id="ami-1", region=HOME, to=WEST) == f"ami-1-ami-1-{HOME}-{WEST}"
    )
    for bad in ("{nome}", "{}", "{name!r}", "{name:>9}", "{name", "{0}"):
        with pytest.raises(UsageError):
            Wish(name=bad)


def test_descriptions_of_ec2s_own_making() -> None:
    told = lineage(
        "Copied for DestinationAmi ami-1 from SourceAmi ami-2 for SourceSnapshot snap-3. "
        "Task created on 1,700,000,000,000."
    )
    assert told is not None
    assert (told.image, told.source_image, told.source_snapshot) == ("ami-1", "ami-2", "snap-3")
    console = lineage("[Copied snap-1 from us-east-1] nightly")
    assert console is not None
    assert (console.source_snapshot, console.source_region) == ("snap-1", "us-east-1")
    assert lineage("my own words") is None


def test_costs_and_durations(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web", (100,))
    cost = money.estimate(plan_of(ec2, {HOME: [id]}, [WEST], duration=15))
    assert [round(value, 6) for value in (*cost.transfer, *cost.storage, cost.surcharge)] == [1.0, 2.0, 5.0, 6.6, 2.0]
    assert (money.dollars((1.0, 1.0)), money.dollars((1.0, 2.5))) == ("$1.00", "$1.00 to 2.50")
    assert [money.rate(minutes) for minutes in (None, 15, 45, 60, 120, 240, 480, 960, 2880)] == [
        0.0, 0.020, 0.018, 0.016, 0.014, 0.012, 0.010, 0.005, 0.005,
    ]  # fmt: skip
    assert shortest_duration([GIB]) == 15
    assert shortest_duration([1000 * GIB]) == 45
    assert shortest_duration([100 * GIB] * 40) == 45
