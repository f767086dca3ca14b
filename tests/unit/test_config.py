"""The settings: variables before the file, and errors that name the line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from ectwo_cli import config
from ectwo_cli.errors import UsageError


def load(tmp_path: Path, text: str | None, **environ: str) -> config.Settings:
    if text is not None:
        (tmp_path / "ectwo").mkdir()
        (tmp_path / "ectwo" / "config.toml").write_text(text)
    return config.load({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), **environ})


def test_without_a_file_there_are_no_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, None)
    assert settings.get("output") is None
    assert settings.columns("instances") is None
    assert settings.key_dir == Path("~/.ssh/ectwo").expanduser()
    assert not settings.sandbox


def test_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, 'regions = ["us-*"]\noutput = "wide"\n[columns]\ninstances = ["name", "tags.env"]\n')
    assert settings.get("regions") == ["us-*"]
    assert settings.get("output") == "wide"
    assert settings.columns("instances") == ["name", "tags.env"]


def test_a_variable_stands_before_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path, 'output = "wide"\nregions = ["us-*"]\n', ECTWO_OUTPUT="json", ECTWO_REGIONS="eu-*,us-east-1"
    )
    assert settings.get("output") == "json"
    assert settings.get("regions") == ["eu-*", "us-east-1"]


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)])
def test_the_sandbox_variable(tmp_path: Path, value: str, expected: bool) -> None:
    assert load(tmp_path, None, ECTWO_SANDBOX=value).sandbox is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\noutpt = 'json'\n", "line 1: unknown key 'a'"),
        ("output = 'json'\n\noutpt = 'json'\n", "line 3: unknown key 'outpt'"),
        ("# x\nregions = 'us-east-1'\n", "line 2: regions has to be a list"),
        ("regions = [1]\n", "line 1: regions has to be a list of texts"),
        ("[columns]\n\ninstances = 'id'\n", "line 3: columns.instances has to be a list of texts"),
        ("columns.instances = 1\n", "line 1: columns.instances has to be a list of texts"),
        ("output = \n", "Invalid value (at line 1, column 10)"),
        ("[launch]\ntyp = 't3.micro'\n", "line 2: unknown key 'launch.typ'"),
        ("[launch]\ntype = 3\n", "line 2: launch.type has to be a text: an instance type"),
        ("[launch]\nvolume_size = true\n", "line 2: launch.volume_size has to be a number"),
        ("[launch]\npublic_ip = 1\n", "line 2: launch.public_ip has to be true or false"),
        ("[launch]\ngroups = 'web'\n", "line 2: launch.groups has to be a list of texts"),
        ("[launch]\ntags = {a = 1}\n", "line 2: launch.tags has to be a table"),
        ("[launch.us-east-1]\n\nsubnt = 'x'\n", "line 3: unknown key 'launch.us-east-1.subnt'"),
        ("[launch]\nus-east-1 = 'x'\n", "line 2: launch.us-east-1 has to be a table of launch defaults in that"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "ectwo" / "config.toml") in caught.value.message
    assert message in caught.value.message


def test_a_relative_xdg_path_is_ignored(tmp_path: Path) -> None:
    assert config.cache_dir({"XDG_CACHE_HOME": "x", "HOME": "/home/me"}) == Path("/home/me/.cache/ectwo")


def test_launch_defaults_of_a_region_go_before_the_general_ones(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[launch]\ntype = "t3.micro"\nkey = "me"\ntags = {a = "1", b = "2"}\n'
        '[launch.eu-west-1]\nkey = "me-eu"\ntags = {b = "3"}\n',
    )
    assert settings.launch("us-east-1") == {"type": "t3.micro", "key": "me", "tags": {"a": "1", "b": "2"}}
    assert settings.launch("eu-west-1") == {"type": "t3.micro", "key": "me-eu", "tags": {"a": "1", "b": "3"}}
