"""Patterns, tags, conditions, order, and that what EC2 is asked never loses a match."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ectwo_cli.errors import UsageError
from ectwo_cli.model import columns
from ectwo_cli.query import (
    Query,
    age_condition,
    check_sort,
    chosen,
    default_key,
    duration,
    in_default_order,
    iso,
    moment,
    option_condition,
    pattern,
    patterns,
    raw_filter,
    tag_condition,
    where_condition,
)
from ectwo_cli.services.instances import Instance

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def instance(**given: Any) -> Instance:
    values: dict[str, Any] = {"region": "us-east-1", "id": "i-00000000", "state": "running", "groups": [], "tags": {}}
    values |= {"platform": "linux", "lifecycle": "on-demand", "group_ids": [], "volume_ids": []}
    return Instance(**values | given)


# Patterns


@pytest.mark.parametrize(
    ("values", "text", "expected"),
    [
        (["web"], "web", True),
        (["web"], "web-1", False),
        (["WEB"], "web", False),
        (["web*"], "web-1", True),
        (["*"], "", True),
        (["web-?"], "web-1", True),
        (["web-?"], "web-10", False),
        (["w[e]b"], "w[e]b", True),
        (["w[e]b*"], "web", False),
        (["/^web-\\d+$/"], "web-12", True),
        (["/eb/"], "web", True),
        (["/a,b/"], "xa,bx", True),
        (["/a,b/,c"], "c", True),
        (["a,b"], "b", True),
        (["a", "b"], "b", True),
        (["!a"], "b", True),
        (["!a"], "a", False),
        (["!a", "!b"], "b", False),
        (["a*", "!ab"], "ac", True),
        (["a*", "!ab"], "ab", False),
        (["!/^a/"], "ba", True),
        (["/dev/sda1"], "/dev/sda1", True),
        (["/dev/sd*"], "/dev/sdb", True),
        (["a*b"], "a\nb", True),
        (["sp ace"], "sp ace", True),
        (["a,"], "a", True),
    ],
)
def test_patterns(values: list[str], text: str, expected: bool) -> None:
    assert chosen(patterns(values), text) is expected


@pytest.mark.parametrize(
    ("values", "value", "expected"),
    [
        (["a"], ["a", "b"], True),
        (["!a"], ["a", "b"], False),
        (["!c"], ["a", "b"], True),
        (["a"], [], False),
        (["!a"], [], True),
        ([""], [], True),
        ([""], None, True),
        ([""], "a", False),
        (["!"], None, False),
        (["!"], "a", True),
        (["*"], None, False),
        (["/.*/"], None, False),
        (["!a"], None, True),
        (["!/a/"], None, True),
    ],
)
def test_patterns_on_lists_and_on_what_is_absent(values: list[str], value: Any, expected: bool) -> None:
    assert chosen(patterns(values), value) is expected


def test_a_bad_regex_is_a_usage_error_that_shows_it() -> None:
    with pytest.raises(UsageError, match=re.escape("bad regex /[/: unterminated character set at position 0")):
        pattern("/[/")


@given(st.text(alphabet="ab*?\\[]^$.+(){}|\n é", max_size=6), st.text(alphabet="ab*?\\[]^$.+(){}|\n é", max_size=6))
def test_a_glob_means_its_signs_and_nothing_else(text: str, value: str) -> None:
    def matches(glob: str, rest: str) -> bool:
        if not glob:
            return not rest
        if glob[0] == "*":
            return any(matches(glob[1:], rest[at:]) for at in range(len(rest) + 1))
        return bool(rest) and glob[0] in ("?", rest[0]) and matches(glob[1:], rest[1:])

    read = pattern(text)
    if read.form != "regex":
        assert read.found_in(value) is matches(text, value)


# Times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("20m", timedelta(minutes=20)),
        ("1.5h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "d", "-1h", "1y", "1h30m", "99999999999999999d"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-30d", NOW - timedelta(days=30)),
        ("now - 1h", NOW - timedelta(hours=1)),
        ("now+12h", NOW + timedelta(hours=12)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("2026-01-31T12:00Z", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31T12:00:00.5Z", datetime(2026, 1, 31, 12, microsecond=500000, tzinfo=timezone.utc)),
        ("2026-01-31T14:00+02:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31 12:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "now-", "now-x", "now*2d", "nowadays"])
def test_bad_moments(text: str) -> None:
    with pytest.raises(UsageError):
        moment(text, NOW)


def test_times_are_written_in_utc_with_fractions_only_where_there_are_some() -> None:
    assert iso(datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-31T10:00:00Z"
    assert iso(datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=timezone.utc)) == "2026-01-31T12:00:00.123Z"


# Tags


@pytest.mark.parametrize(
    ("condition", "tags", "expected"),
    [
        ("env", {"env": ""}, True),
        ("env", {}, False),
        ("!env", {}, True),
        ("!env", {"env": "x"}, False),
        ("env=dev", {"env": "dev"}, True),
        ("env=dev", {"env": "prod"}, False),
        ("env=dev", {}, False),
        ("env=dev,test", {"env": "test"}, True),
        ("env=!dev", {"env": "prod"}, True),
        ("env=!dev", {"env": "dev"}, False),
        ("env=!dev", {}, True),
        ("env=", {"env": ""}, True),
        ("env=", {"env": "x"}, False),
        ("env=", {}, False),
        ("env=/^d/", {"env": "dev"}, True),
        ("env=d*", {"env": "dev"}, True),
        ("note=a=b", {"note": "a=b"}, True),
        ("two words=x y", {"two words": "x y"}, True),
        ("e*", {"env": "x"}, True),
        ("!e*", {"env": "x"}, False),
        ("e*=dev", {"env": "dev"}, True),
        ("Env", {"env": "x"}, False),
    ],
)
def test_tags(condition: str, tags: dict[str, str], expected: bool) -> None:
    assert tag_condition(condition).holds(instance(tags=tags)) is expected


@pytest.mark.parametrize("condition", ["", "!", "=x", "!env=dev"])
def test_bad_tags(condition: str) -> None:
    with pytest.raises(UsageError):
        tag_condition(condition)


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        ("env", {"Name": "tag-key", "Values": ["env"]}),
        ("!env", None),
        ("env=dev,te*", {"Name": "tag:env", "Values": ["dev", "te*"]}),
        ("env=a\\b", {"Name": "tag:env", "Values": ["a\\\\b"]}),
        ("env=/dev/", None),
        ("env=!dev", None),
        ("env=d*,!dev", {"Name": "tag:env", "Values": ["d*"]}),
        ("env=", None),
        ("e*=dev", None),
    ],
)
def test_what_of_a_tag_is_sent_to_ec2(condition: str, sent: object) -> None:
    assert tag_condition(condition).filter == sent


# --where


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        ("state = running", {}, True),
        ("state=running", {}, True),
        ("state = r*", {}, True),
        ("state != running", {}, False),
        ("state != running", {"state": None}, True),
        ("name ~ ^web", {"name": "web-1"}, True),
        ("name ~ /^web/", {"name": "web-1"}, True),
        ("name !~ ^web", {"name": "db"}, True),
        ("name !~ ^web", {}, True),
        ("name ~ x", {}, False),
        ("public_ip =", {}, True),
        ("public_ip =", {"public_ip": "1.2.3.4"}, False),
        ("public_ip !=", {"public_ip": "1.2.3.4"}, True),
        ("public_ip !=", {}, False),
        ("tags.cluster = a", {"tags": {"cluster": "a"}}, True),
        ("tags.cluster != a", {}, True),
        ("tags.two words = x y", {"tags": {"two words": "x y"}}, True),
        ("tags.a.b = c", {"tags": {"a.b": "c"}}, True),
        ("groups = web", {"groups": ["db", "web"]}, True),
        ("groups != web", {"groups": ["db", "web"]}, False),
        ("launched_at < now-30d", {"launched_at": NOW - timedelta(days=31)}, True),
        ("launched_at < now-30d", {"launched_at": NOW - timedelta(days=29)}, False),
        ("launched_at < now-30d", {}, False),
        ("launched_at >= 2026-11-22", {"launched_at": NOW}, True),
        ("launched_at = 2026-11-22", {"launched_at": NOW}, True),
        ("launched_at = 2026-11-21", {"launched_at": NOW}, False),
        ("launched_at = 2026-11-22T12:00Z", {"launched_at": NOW}, True),
        ("launched_at = 2026-11-*", {"launched_at": NOW}, True),
        ("launched_at =", {}, True),
    ],
)
def test_where(condition: str, given: dict[str, Any], expected: bool) -> None:
    assert where_condition(condition, Instance, NOW).holds(instance(**given)) is expected


@pytest.mark.parametrize(
    ("condition", "message", "hint"),
    [
        ("stat = x", "instance has no property 'stat'", "did you mean state?"),
        ("state", "bad condition --where 'state'", "write 'PROPERTY OP VALUE', OP one of = != ~ !~ < <= > >="),
        ("state == x", "unknown operator '==' in --where 'state == x'", "OP is one of = != ~ !~ < <= > >="),
        ("state < x", "'<' is for numbers and times; state is text", "use = != ~ or !~"),
        ("tags.n > 3", "'>' is for numbers and times; tags.n is text", "use = != ~ or !~"),
        ("tags = x", "--where 'tags = x': name one of the tags, as in tags.KEY", None),
        ("state.x = y", "property 'state' has no parts, so there is no 'state.x'", None),
        ("launched_at < soon", "bad time 'soon'", "write 2026-01-31, 2026-01-31T12:00Z, now or now-30d"),
        ("name ~ [", "bad regex /[/: unterminated character set at position 0", None),
    ],
)
def test_bad_conditions(condition: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        where_condition(condition, Instance, NOW)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_ages() -> None:
    old = instance(launched_at=NOW - timedelta(days=40))
    assert age_condition(Instance, "30d", older=True, now=NOW).holds(old)
    assert not age_condition(Instance, "30d", older=False, now=NOW).holds(old)
    assert not age_condition(Instance, "30d", older=True, now=NOW).holds(instance())


def test_raw_filters() -> None:
    assert raw_filter("tag:a=b,c=d") == {"Name": "tag:a", "Values": ["b", "c=d"]}
    for bad in ("x", "=y", ""):
        with pytest.raises(UsageError):
            raw_filter(bad)


# What is left out, what is sent, and order


def test_terminated_instances_are_left_out_unless_asked_for() -> None:
    gone = instance(state="terminated", launched_at=NOW)
    state = columns(Instance)["state"]

    def finds(*conditions: Any, **more: Any) -> bool:
        return Query(Instance, conditions, **more).matches(gone)

    assert not finds()
    assert finds(everything=True)
    assert finds(option_condition(state, ["terminated"], Instance))
    assert finds(where_condition("state = t*", Instance, NOW))
    assert finds(where_condition("state ~ ^t", Instance, NOW))
    assert finds(where_condition("id = i-00000000", Instance, NOW))
    assert not finds(option_condition(state, ["!running"], Instance))
    assert not finds(where_condition("state != running", Instance, NOW))
    assert not finds(where_condition("launched_at <= now", Instance, NOW))
    assert finds(filters=[raw_filter("instance-state-name=terminated")])


def test_one_filter_a_name_is_sent_and_the_users_own_wins() -> None:
    query = Query(
        Instance,
        [
            tag_condition("a"),
            tag_condition("b"),
            option_condition(columns(Instance)["type"], ["t3.*", "m5.large"], Instance),
            option_condition(columns(Instance)["groups"], ["sg-1"], Instance),
        ],
        [raw_filter("instance-type=c5.large")],
    )
    assert query.ec2_filters() == [
        {"Name": "instance-type", "Values": ["c5.large"]},
        {"Name": "tag-key", "Values": ["a"]},
        {"Name": "instance.group-id", "Values": ["sg-1"]},
    ]


FEW_TEXTS = st.sampled_from(["", "a", "b", "a b"])


@given(
    st.lists(
        st.builds(
            instance,
            region=FEW_TEXTS,
            name=FEW_TEXTS | st.none(),
            id=FEW_TEXTS | st.none(),
            profile=FEW_TEXTS | st.none(),
            state=st.sampled_from(["running", "stopped"]),
        )
    )
)
def test_the_default_order_is_one_order(items: list[Instance]) -> None:
    assert in_default_order(items) == sorted(items, key=default_key)


def test_the_default_order_is_region_name_id_with_the_nameless_last() -> None:
    items = [
        instance(region=region, name=name, id=id_)
        for region, name, id_ in [
            ("b", "a", "i-3"),
            ("a", None, "i-1"),
            ("a", "z", "i-2"),
            ("a", "a", "i-5"),
            ("a", "a", "i-4"),
        ]
    ]
    assert [item.id for item in Query(Instance).order(items)] == ["i-4", "i-5", "i-2", "i-1", "i-3"]


def test_sorting_puts_what_is_absent_last_both_ways() -> None:
    items = [instance(id=id_, launched_at=at) for id_, at in [("i-1", None), ("i-2", NOW), ("i-3", NOW - timedelta(1))]]
    assert [each.id for each in Query(Instance, sort=["launched_at"]).order(items)] == ["i-3", "i-2", "i-1"]
    assert [each.id for each in Query(Instance, sort=["-launched_at"]).order(items)] == ["i-2", "i-3", "i-1"]
    assert [each.id for each in Query(Instance, sort=["-launched_at"], limit=1).order(items)] == ["i-2"]
    assert [each.id for each in Query(Instance, one=True).order(items)] == ["i-1"]


def test_sort_names_are_checked() -> None:
    assert check_sort(Instance, ["name,-tags.env"]) == ("name", "-tags.env")
    with pytest.raises(UsageError, match="instance has no property 'nmae'"):
        check_sort(Instance, ["-nmae"])


VALUES = st.text(alphabet="ab*?!/,\\", max_size=4)


@given(st.lists(VALUES, min_size=1, max_size=3), st.none() | st.text(alphabet="ab\\*?", max_size=4))
def test_a_filter_for_ec2_never_loses_what_the_condition_holds_for(values: list[str], key: str | None) -> None:
    """EC2's own rule for a value: ``*`` and ``?`` are wildcards unless a backslash stands before them."""
    try:
        condition = option_condition(columns(Instance)["key_name"], values, Instance)
    except UsageError:
        return
    if condition.filter is None or not condition.holds(instance(key_name=key)):
        return

    def ec2(value: str) -> str:
        parts = re.findall(r"\\.|.", value, re.DOTALL)
        return "".join(
            re.escape(part[1]) if len(part) == 2 else {"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts
        )

    assert key is not None
    assert any(re.fullmatch(ec2(value), key, re.DOTALL) for value in condition.filter["Values"])
