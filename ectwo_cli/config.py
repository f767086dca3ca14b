"""The user's settings: ``ECTWO_*`` variables, then ``config.toml``. Options of the command line stand before both."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from ectwo_cli.errors import UsageError, nearest
from ectwo_cli.records import dataclass

KEYS: Mapping[str, tuple[type[Any], str]] = {
    "regions": (list, "regions that a search is limited to: names, globs"),
    "output": (str, "the format of results, as with -o"),
    "columns": (dict, 'columns of a resource\'s table, as in columns.instances = ["name", "id"]'),
    "key_dir": (str, "where private keys are saved, in a folder a region"),
    "launch": (dict, "defaults of 'instances launch', as in launch.type = \"t3.micro\""),
    "address_service": (str, "the URL that answers with your public IP, for 'groups authorize --from me'"),
}
"""All keys of the file. A text or list is also a variable: ``ECTWO_OUTPUT``, ``ECTWO_REGIONS``."""

LAUNCH: Mapping[str, tuple[type[Any], str]] = {
    "image": (str, "an image, as --image takes it"),
    "type": (str, "an instance type"),
    "key": (str, "the name of a key pair"),
    "groups": (list, "security groups, by name or ID"),
    "subnet": (str, "a subnet, by ID or name"),
    "zone": (str, "an Availability Zone"),
    "tags": (dict, 'tags, as in tags = { team = "web" }'),
    "user_data": (str, "a file"),
    "volume_size": (int, "GiB of the root volume"),
    "volume_type": (str, "gp3, gp2, io1, io2 or standard"),
    "instance_profile": (str, "an instance profile, by name or ARN"),
    "public_ip": (bool, "whether they get a public address"),
    "shutdown": (str, "stop or terminate"),
}
"""The keys of ``launch``; also of ``launch.REGION``, which go before it: keys and groups are of one region."""

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_A = {list: "a list of texts", str: "a text", dict: "a table", int: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Settings:
    """What the environment and the file say. ``where`` is the file, for messages."""

    # Credentials may be in it.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: Mapping[str, Any] = field(default_factory=dict)
    where: Path | None = None

    def get(self, key: str) -> Any:
        """The value of a key of ``KEYS``, the variable first; None where neither says anything."""
        variable = self.environ.get(f"ECTWO_{key.upper()}") if KEYS[key][0] is not dict else None
        if variable:
            return variable.split(",") if KEYS[key][0] is list else variable
        return self.file.get(key)

    def columns(self, plural: str) -> list[str] | None:
        """The columns that the user wants for a resource."""
        wanted = self.file.get("columns", {}).get(plural)
        return wanted if wanted is None else list(wanted)

    def launch(self, region: str) -> dict[str, Any]:
        """The defaults of a launch in ``region``, by the keys of ``LAUNCH``."""
        said = self.file.get("launch", {})
        general = {key: value for key, value in said.items() if key in LAUNCH}
        special = said.get(region, {})
        tags = {**general.get("tags", {}), **special.get("tags", {})}
        return {**general, **special, **({"tags": tags} if tags else {})}

    @property
    def sandbox(self) -> bool:
        """Whether ECTWO_SANDBOX sends everything to the sandbox."""
        return self.environ.get("ECTWO_SANDBOX", "").lower() not in ("", "0", "false", "no")

    @property
    def aws_region(self) -> str | None:
        """The region of the environment, as the AWS tools read it."""
        return self.environ.get("AWS_REGION") or self.environ.get("AWS_DEFAULT_REGION") or None

    @property
    def key_dir(self) -> Path:
        """Where private keys are saved."""
        return Path(self.get("key_dir") or "~/.ssh/ectwo").expanduser()


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where what can be asked again is kept."""
    return _home(environ, "XDG_CACHE_HOME", ".cache")


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises UsageError that names the line and key of what is wrong in the file."""
    path = _home(environ, "XDG_CONFIG_HOME", ".config") / "config.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings(environ)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {path}: {error}") from None
    return Settings(environ, _parse(text, path), path)


def _home(environ: Mapping[str, str], variable: str, default: str) -> Path:
    base = environ.get(variable, "")
    # The XDG rules: a relative path there is to be ignored.
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / default
    return root / "ectwo"


def _parse(text: str, path: Path) -> dict[str, Any]:
    # Reading TOML takes a few milliseconds of import, for those who have a file.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    for key, value in data.items():
        if key not in KEYS:
            raise UsageError(f"{path}, line {_line(text, key)}: unknown key {key!r}", hint=nearest(key, KEYS))
        if not isinstance(value, KEYS[key][0]):
            wanted = {"list": "a list", "str": "a text", "dict": "a table"}[KEYS[key][0].__name__]
            raise UsageError(f"{path}, line {_line(text, key)}: {key} has to be {wanted}: {KEYS[key][1]}")
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise UsageError(f"{path}, line {_line(text, key)}: {key} has to be a list of texts")
    for plural, names in data.get("columns", {}).items():
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise UsageError(f"{path}, line {_line(text, plural)}: columns.{plural} has to be a list of texts")
    _check_launch(data.get("launch", {}), "launch", text, path)
    return data


def _check_launch(table: Mapping[str, Any], name: str, text: str, path: Path) -> None:
    for key, value in table.items():
        where = f"{path}, line {_line(text, key)}"
        if name == "launch" and _REGION.fullmatch(key):
            if not isinstance(value, dict):
                raise UsageError(f"{where}: launch.{key} has to be a table of launch defaults in that region")
            _check_launch(value, f"launch.{key}", text, path)
            continue
        if key not in LAUNCH:
            raise UsageError(f"{where}: unknown key '{name}.{key}'", hint=nearest(key, LAUNCH))
        wanted, about = LAUNCH[key]
        good = type(value) is wanted
        if wanted is list:
            good = good and all(isinstance(each, str) for each in value)
        if wanted is dict:
            good = good and all(isinstance(each, str) for each in value.values())
            about = f"{about}, each value a text"
        if not good:
            raise UsageError(f"{where}: {name}.{key} has to be {_A[wanted]}: {about}")


def _line(text: str, key: str) -> int:
    """The line on which ``key`` is set: TOML readers do not tell."""
    mention = re.compile(rf"^\s*(?:\[\s*)?(?:[\w\"'-]+\.)*[\"']?{re.escape(key)}[\"']?\s*(?:[=.\]]|$)")
    return next((number for number, line in enumerate(text.splitlines(), 1) if mention.match(line)), 1)
