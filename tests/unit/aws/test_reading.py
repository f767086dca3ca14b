"""The quick reader of answers gives what botocore's own parser gives, on every resource, whatever EC2 says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.parsers import ResponseParserError, create_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from ectwo_cli.aws.fast import reading as fast
from ectwo_cli.aws.fast.parsing import Parsers
from ectwo_cli.aws.fast.reading import Reading, Unusual
from ectwo_cli.aws.session import COLUMNS
from ectwo_cli.model import Resource, paths, pick
from tests.benchmarks.answers import KINDS, page
from tests.unit.aws.shapes import SERVICE, TEXTS, answer, resources


def reading_of(cls: type[Resource]) -> Reading | None:
    return fast.of(SERVICE.operation_model(cls.kind.operation), cls.kind.items, paths(cls))


def response(body: bytes, status: int = 200) -> dict[str, Any]:
    return {"body": body, "status_code": status, "headers": {"X-Amzn-RequestId": "abc"}, "context": {}}


def by_botocore(body: bytes, cls: type[Resource]) -> dict[str, Any]:
    shape = SERVICE.operation_model(cls.kind.operation).output_shape
    parsed: dict[str, Any] = create_parser("ec2").parse(response(body), shape)
    return parsed


def parsed_by(reading: Reading, body: bytes, cls: type[Resource], status: int = 200) -> dict[str, Any]:
    """As botocore's endpoint has it parsed."""
    parsers = Parsers()
    shape = SERVICE.operation_model(cls.kind.operation).output_shape
    with parsers.reading(lambda: reading):
        parsed: dict[str, Any] = parsers.create_parser("ec2").parse(response(body, status), shape)
    return parsed


def columns_of(parsed: dict[str, Any], cls: type[Resource]) -> list[list[Any]]:
    return [[pick(path)(each) for each in pick(cls.kind.items)(parsed)] for path in paths(cls)]


ALL = resources()
READ = [cls for cls in ALL if reading_of(cls) is not None]
NAMES = [cls.__name__ for cls in READ]


def test_the_resources_that_are_searched_most_are_read_quickly() -> None:
    assert {"Instance", "Image", "Snapshot", "Address", "KeyPair", "SecurityGroup"} <= set(NAMES)


@pytest.mark.parametrize("cls", READ, ids=NAMES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), texts=TEXTS)
def test_all_properties_are_as_botocore_reads_them(cls: type[Resource], seed: int, texts: list[str]) -> None:
    reading = reading_of(cls)
    assert reading is not None
    body = answer(cls.kind.operation, seed, texts)
    expected = by_botocore(body, cls)
    columns = columns_of(expected, cls)

    assert reading.columns(body)[0] == columns
    parsed = parsed_by(reading, body, cls)
    assert parsed[COLUMNS] == columns
    assert parsed["ResponseMetadata"] == expected["ResponseMetadata"]
    assert (parsed.get("NextToken") or None) == (expected.get("NextToken") or None)


def quick_columns(body: bytes, cls: type[Resource]) -> list[list[Any]]:
    """The columns as read without botocore's parser: Unusual where they can't be."""
    reading = reading_of(cls)
    assert reading is not None
    return reading.columns(body)[0]


def test_usual_answers_are_read_without_botocore() -> None:
    (instance,) = [cls for cls in READ if cls.__name__ == "Instance"]
    body = page("DescribeInstances", "eu-west-1", 40, 0)

    assert quick_columns(body, instance) == columns_of(by_botocore(body, instance), instance)


@pytest.mark.parametrize("size", [1, 300, 5000, 20_000])
@pytest.mark.parametrize("cls", [cls for cls in READ if cls.kind.operation in KINDS], ids=lambda cls: cls.__name__)
def test_where_an_answer_is_cut_does_not_matter(
    cls: type[Resource], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "SLICE", size)
    body = page(cls.kind.operation, "eu-west-1", 23, 0)

    assert quick_columns(body, cls) == columns_of(by_botocore(body, cls), cls)


SNAPSHOT = (
    b'<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
    b"<snapshotSet><item><snapshotId>snap-1</snapshotId><description>%b</description></item></snapshotSet>"
    b"</DescribeSnapshotsResponse>"
)


@pytest.mark.parametrize(
    "text",
    [
        b"<!-- a comment -->",
        b"<![CDATA[</item></snapshotSet>]]>",
        b"\xee\x80\x81",
        b"&#xE001;",
        b"&#57345;",
        b"&#x00e00F;",
        b"<a xmlns='urn:other'/>",
        b"<?instruction?>",
    ],
)
def test_what_is_unusual_is_left_to_botocore(text: bytes) -> None:
    (snapshot,) = [cls for cls in READ if cls.__name__ == "Snapshot"]
    reading = reading_of(snapshot)
    assert reading is not None
    body = SNAPSHOT % text

    with pytest.raises(Unusual):
        reading.columns(body)
    assert parsed_by(reading, body, snapshot) == by_botocore(body, snapshot)


@pytest.mark.parametrize("body", [SNAPSHOT[:150], SNAPSHOT % b"\x01", SNAPSHOT % b"\xff", b"", b"<html>", b"</a>"])
def test_what_is_no_xml_fails_as_ever(body: bytes) -> None:
    (snapshot,) = [cls for cls in READ if cls.__name__ == "Snapshot"]
    reading = reading_of(snapshot)
    assert reading is not None

    with pytest.raises(ResponseParserError) as expected:
        by_botocore(body, snapshot)
    with pytest.raises(ResponseParserError) as raised:
        parsed_by(reading, body, snapshot)
    assert str(raised.value) == str(expected.value)


def test_a_part_that_is_cut_out_may_hold_one_of_its_own_name() -> None:
    (instance,) = [cls for cls in READ if cls.__name__ == "Instance"]
    reading = reading_of(instance)
    assert reading is not None and "networkInterfaceSet" in reading.sheet.useless
    body = page("DescribeInstances", "eu-west-1", 2, 0).replace(
        b"<networkInterfaceSet>", b"<networkInterfaceSet><item><networkInterfaceSet></networkInterfaceSet></item>"
    )

    with pytest.raises(Unusual):
        reading.columns(body)
    assert columns_of(parsed_by(reading, body, instance), instance) == columns_of(by_botocore(body, instance), instance)


def test_errors_are_botocores_to_read() -> None:
    (snapshot,) = [cls for cls in READ if cls.__name__ == "Snapshot"]
    reading = reading_of(snapshot)
    assert reading is not None
    error = b"<Error><Code>X</Code><Message>no</Message></Error>"
    body = b"<Response><Errors>%b</Errors><RequestID>r</RequestID></Response>" % error

    assert parsed_by(reading, body, snapshot, 400)["Error"] == {"Code": "X", "Message": "no"}


def test_only_what_is_asked_for_is_read_quickly() -> None:
    parsers = Parsers()
    (snapshot,) = [cls for cls in READ if cls.__name__ == "Snapshot"]
    reading = reading_of(snapshot)
    assert reading is not None
    plain = type(parsers.create_parser("ec2"))

    with parsers.reading(lambda: reading):
        within = type(parsers.create_parser("ec2"))
        with ThreadPoolExecutor(1) as others:
            beside = others.submit(lambda: type(parsers.create_parser("ec2"))).result()

    assert within is not plain
    assert beside is plain
    assert type(parsers.create_parser("ec2")) is plain


def test_shapes_that_are_not_understood_are_left_to_botocore() -> None:
    operation = SERVICE.operation_model("DescribeInstances")

    assert fast.of(operation, "Reservations[].Instances[]", ["State.NoSuchMember"]) is None
    assert fast.of(operation, "Nothing[]", ["InstanceId"]) is None
    assert fast.of(operation, "Reservations[].Instances[]", ["NetworkInterfaces[].Groups"]) is None


def test_what_ec2_does_not_say_is_absent() -> None:
    reading = fast.of(SERVICE.operation_model("DescribeInstances"), "Reservations[].Instances[]", ["Mine", "Own[].A"])
    assert reading is not None

    assert reading.columns(page("DescribeInstances", "eu-west-1", 1, 0))[0] == [[None], [[]]]
