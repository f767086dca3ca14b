"""Tags as they are typed, and what becomes of them."""

from __future__ import annotations

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.services import tags
from ectwo_cli.services.tags import Change


def test_tags_are_split_at_the_first_equals_sign() -> None:
    assert tags.read_tags(["a=1", "url=http://x/?y=z", "with space = both ", "empty=", "ü=ß"]) == {
        "a": "1",
        "url": "http://x/?y=z",
        "with space ": " both ",
        "empty": "",
        "ü": "ß",
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["=1"], "a tag without a key"),
        (["aws:x=1"], "tag 'aws:x': keys that begin with aws: are AWS's own"),
        (["AWS:x=1"], "tag 'AWS:x': keys that begin with aws: are AWS's own"),
        (["k" * 129 + "="], "the tag key 'kkkkkkkkkkkkkkkkkkkk…' has 129 characters; 128 is the most"),
        (["k=" + "v" * 257], "the value of tag 'k' has 257 characters; 256 is the most"),
        (["k=1", "k=2"], "tag 'k' is given twice, as '1' and '2'"),
        ([f"k{n}=" for n in range(51)], "51 tags; a resource can have 50"),
    ],
)
def test_what_ec2_would_refuse_is_refused_before(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        tags.read_tags(texts)
    assert error.value.message == message


def test_the_longest_key_and_value_are_taken() -> None:
    assert tags.read_tags(["ü" * 128 + "=" + "ß" * 256, "k=1", "k=1"]) == {"ü" * 128: "ß" * 256, "k": "1"}


@pytest.mark.parametrize(
    ("text", "region", "value", "is_id"),
    [
        ("i-0123456789abcdef0", None, "i-0123456789abcdef0", True),
        ("eu-west-1/vol-01234567", "eu-west-1", "vol-01234567", True),
        ("eu-west-1/web-1", "eu-west-1", "web-1", False),
        ("web-1", None, "web-1", False),
        ("a/b", None, "a/b", False),
        ("tgw-0123456789abcdef0", None, "tgw-0123456789abcdef0", False),
        ("key-1", None, "key-1", False),
        ("198.51.100.7", None, "198.51.100.7", False),
    ],
)
def test_targets(text: str, region: str | None, value: str, is_id: bool) -> None:
    (ref,) = tags.refs([text, text])
    assert (ref.text, ref.region, ref.value, ref.is_id) == (text, region, value, is_id)


@pytest.mark.parametrize("text", ["i-12", "us-east-1/vol-xyz", "snap-0123456789abcdef01"])
def test_a_malformed_id_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"malformed \w+ ID"):
        tags.refs([text])


def test_changes() -> None:
    change = Change({"a": "1", "b": "2"})
    assert change.holds({"a": "1", "b": "2", "c": "3"})
    assert not change.holds({"a": "1", "b": "x"})
    assert change.applied({"a": "0", "c": "3"}) == {"a": "1", "b": "2", "c": "3"}
    removal = Change({}, ["a", "b"])
    assert removal.holds({"c": "3"})
    assert not removal.holds({"b": ""})
    assert removal.applied({"a": "0", "c": "3"}) == {"c": "3"}


def test_the_limit_of_fifty_counts_what_is_there_but_not_what_is_aws_own() -> None:
    full = {f"k{n}": "" for n in range(49)} | {"aws:x": ""}
    assert Change({"new": "1"}).refuses(full) is None
    assert Change({"k0": "other"}).refuses({**full, "k49": ""}) is None
    assert Change({"new": "1", "other": "1"}).refuses(full) == "it would have 51 tags; 50 is the most"
    assert Change({}, ["k1"]).refuses({f"k{n}": "" for n in range(60)}) is None
