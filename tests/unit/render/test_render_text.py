"""Text from AWS is data."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ectwo_cli.render.text import CONTROLS, cell, compact, escaped, json_safe, tsv_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1", "web-1"),
        ("café 日本 👍", "café 日本 👍"),
        ("no-break\u00a0space", "no-break\u00a0space"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\x7f", r"\x7f"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
        ("\x00\x07\x85", r"\x00\x07\x85"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("\u2066x\u2069\u2028\u2029", r"\u2066x\u2069\u2028\u2029"),
        ("\udce9", r"\udce9"),
        ("[bold]not markup[/bold] :smile:", "[bold]not markup[/bold] :smile:"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text())
def test_no_control_character_is_left_in_any_text(text: str) -> None:
    assert CONTROLS.search(escaped(text)) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("web", "web"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (0.0116, "0.0116"),
        (1e-7, "0.0000001"),
        (100.0, "100"),
        (datetime(2026, 11, 22, 15, 4, 5, tzinfo=timezone.utc), "2026-11-22T15:04:05Z"),
        ([], ""),
        (["web", "ssh"], "web,ssh"),
        ([22, None], "22,"),
        ({}, "{}"),
        ({"Name": "web", "k": "ü"}, '{"Name":"web","k":"ü"}'),
        ([{"port": 22, "cidr": None}], '[{"port":22,"cidr":null}]'),
    ],
)
def test_a_property_as_the_text_of_a_cell(value: object, text: str) -> None:
    assert cell(value) == text


def test_a_tsv_cell_has_neither_tab_nor_line_break() -> None:
    assert tsv_cell("a\tb\nc\rd\\e") == r"a\tb\nc\rd\\e"


@given(st.dictionaries(st.text(), st.text()))
def test_safe_json_is_the_same_json(value: dict[str, str]) -> None:
    text = json_safe(compact(value))
    assert json.loads(text) == value
    assert CONTROLS.search(text) is None
