"""What was asked for is checked before anything is sent."""

from __future__ import annotations

import pytest
from render_fakes import Server

from ectwo_cli.errors import UsageError
from ectwo_cli.render.view import View, names, view

DEFAULT = ("region", "name", "id", "state", "type", "public_ip", "launched_at")
ALL = (*DEFAULT, "size", "price", "public", "groups", "rules", "tags")


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("table", DEFAULT),
        ("csv", DEFAULT),
        ("tsv", DEFAULT),
        ("wide", ALL),
        ("json", ALL),
        ("jsonl", ALL),
        ("yaml", ALL),
    ],
)
def test_columns_of_each_format(format: str, expected: tuple[str, ...]) -> None:
    assert names(view(Server, format=format)) == expected


def test_the_profile_comes_with_several_profiles() -> None:
    assert names(view(Server, profiles=True)) == ("profile", *DEFAULT)
    assert names(view(Server, columns=["profile", "id"])) == ("profile", "id")


def test_columns_are_split_and_kept_in_order() -> None:
    chosen = view(
        Server, format="json", columns=["id, tags.env", "name,id", "rules.from_port,action"], extra=["action"]
    )
    assert chosen == View(Server, "json", ("id", "tags.env", "name", "rules.from_port", "action"), extra=("action",))
    assert view(Server, columns=[]).columns is None


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"format": "jsn"}, "unknown output format 'jsn'", "did you mean json?"),
        ({"columns": ["id,stat"]}, "server has no property 'stat'", "did you mean state?"),
        ({"columns": ["state.x"]}, "property 'state' has no parts, so there is no 'state.x'", None),
        ({"query": "[].id"}, "--query is for json and yaml, not for table", "add -o json"),
        (
            {"format": "json", "query": "[?"},
            "bad JMESPath in --query '[?': Invalid jmespath expression: Incomplete expression",
            None,
        ),
        (
            {"format": "yaml", "query": "[?state=='x'][0:2].{a: lenght(name)}"},
            "bad JMESPath in --query \"[?state=='x'][0:2].{a: lenght(name)}\": no function 'lenght'",
            "did you mean length?",
        ),
        (
            {"format": "json", "query": ""},
            "bad JMESPath in --query '': Invalid JMESPath expression: cannot be empty.",
            None,
        ),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(asked: dict[str, object], message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        view(Server, **asked)
    assert (caught.value.message, caught.value.hint) == (message, hint)
