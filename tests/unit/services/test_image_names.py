"""Names of images: what EC2 takes, and what is made of what it does not."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ectwo_cli.errors import UsageError
from ectwo_cli.services import image_names
from ectwo_cli.services.image_making import default_name
from ectwo_cli.services.instances import Instance

NOW = datetime(2026, 11, 22, 15, 4, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize("name", ["web", "a.b/c-d'e@f_g", "(x) [1]", "x" * 128])
def test_good_names(name: str) -> None:
    image_names.check(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "has 0 characters, EC2 allows 3 to 128"),
        ("ab", "has 2 characters"),
        ("x" * 129, "has 129 characters"),
        ("a:b:c!", "has characters that EC2 refuses: ! :"),
        ("web\n", "has characters that EC2 refuses"),
        ("wéb", "has characters that EC2 refuses: é"),
    ],
)
def test_bad_names(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        image_names.check(name)


@given(st.text(max_size=200) | st.none())
def test_the_name_that_an_image_gets_by_default_is_good(name: str | None) -> None:
    made = default_name(Instance(region="us-east-1", id="i-0123456789abcdef0", name=name), NOW)
    assert made.endswith("-2026-11-22-150405")
    assert image_names.problem(made) is None
