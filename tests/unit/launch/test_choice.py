"""Images by word, and types where none was said."""

from __future__ import annotations

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.launch import aliases
from ectwo_cli.launch.choice import candidates, near, pick_type
from ectwo_cli.launch.image import Said, read
from tests.unit.launch.things import IMAGE, TYPE, wanted


@pytest.mark.parametrize(
    ("word", "parameter"),
    [
        ("al2023", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
        ("al2023-arm64", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"),
        ("al2", "/aws/service/ami-amazon-linux-latest/amzn2-ami-kernel-default-hvm-x86_64-gp2"),
        ("ubuntu-22.04", "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"),
        ("ubuntu-24.04-arm64", "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"),
        ("ubuntu-25.10", "/aws/service/canonical/ubuntu/server/25.10/stable/current/amd64/hvm/ebs-gp3/ami-id"),
        ("debian-12", "/aws/service/debian/release/12/latest/amd64"),
        ("debian-13-arm64", "/aws/service/debian/release/13/latest/arm64"),
        ("windows-2022", "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base"),
        ("windows-2025-core", "/aws/service/ami-windows-latest/Windows_Server-2025-English-Core-Base"),
    ],
)
def test_aliases(word: str, parameter: str) -> None:
    found = aliases.alias(word)
    assert found is not None
    assert found.parameter == parameter


@pytest.mark.parametrize("word", ["ubuntu", "al2023-x86_64", "ubuntu-24", "Ubuntu-24.04", "windows-2022-arm64", ""])
def test_what_is_no_alias(word: str) -> None:
    assert aliases.alias(word) is None


def test_the_alias_for_another_architecture() -> None:
    assert aliases.for_architecture("al2023", "arm64") == "al2023-arm64"
    assert aliases.for_architecture("ubuntu-24.04-arm64", "x86_64") == "ubuntu-24.04"
    assert aliases.for_architecture("windows-2022", "arm64") is None
    assert aliases.for_architecture("my-image", "arm64") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ami-0123456789abcdef0", {"id": "ami-0123456789abcdef0"}),
        ("eu-west-1/ami-12345678", {"region": "eu-west-1", "id": "ami-12345678"}),
        ("web", {"name": "web"}),
        ("eu-west-1/web", {"region": "eu-west-1", "name": "web"}),
        ("a/b", {"name": "a/b"}),
        ("amazon/al2023*", {"owner": "amazon", "name": "al2023*"}),
        ("canonical/ubuntu/images/*", {"owner": "099720109477", "name": "ubuntu/images/*"}),
        ("123456789012/web-*", {"owner": "123456789012", "name": "web-*"}),
        ("us-east-1/self/web-*", {"region": "us-east-1", "owner": "self", "name": "web-*"}),
        ("al2023", {"alias": aliases.ALIASES["al2023"]}),
        ("eu-west-1/al2023", {"region": "eu-west-1", "alias": aliases.ALIASES["al2023"]}),
    ],
)
def test_what_an_image_is_called(text: str, expected: dict[str, str]) -> None:
    assert read(text) == Said(text, **expected)  # type: ignore[arg-type]


def test_a_malformed_image_id() -> None:
    with pytest.raises(UsageError, match="malformed image ID 'ami-123'"):
        read("ami-123")


# Types


def test_the_wanted_type_is_the_only_candidate() -> None:
    assert candidates(wanted(type="x"), IMAGE) == ["x"]
    assert candidates(wanted(type=None), None) == []


def test_the_first_small_type_that_fits_and_is_offered_is_picked() -> None:
    names = ["t3.micro", "t3a.micro", "t2.micro"]
    types = dict.fromkeys(names, TYPE)
    arm = {**TYPE, "ProcessorInfo": {"SupportedArchitectures": ["arm64"]}}
    offered = {"t3.micro": [], "t3a.micro": ["us-east-1a"], "t2.micro": ["us-east-1b"]}
    assert pick_type(names, IMAGE, types, offered, None) == "t3a.micro"
    assert pick_type(names, IMAGE, types, offered, "us-east-1b") == "t2.micro"
    assert pick_type(names, IMAGE, {**types, "t3a.micro": arm}, offered, None) == "t2.micro"
    assert pick_type(names, IMAGE, types, offered, "us-east-1c") is None
    assert pick_type(names, IMAGE, None, None, None) == "t3.micro"


def test_windows_gets_a_larger_one() -> None:
    assert candidates(wanted(type=None), {**IMAGE, "Platform": "windows"})[0] == "t3.medium"
    assert candidates(wanted(type=None), {**IMAGE, "Architecture": "arm64"})[0] == "t4g.micro"


def test_near_types_are_of_the_same_size_and_a_similar_family() -> None:
    offered = ["c7g.large", "m6g.large", "m6g.xlarge", "m6i.large", "r6g.large", "t4g.large", "m5.large"]
    assert near("m7g.large", offered) == ["m6g.large", "m5.large", "m6i.large"]
