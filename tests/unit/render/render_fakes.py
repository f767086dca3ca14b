"""A resource of our own, and screens whose streams are kept in memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ectwo_cli.model import Regional, column, resource
from ectwo_cli.render.screen import Screen

NOW = datetime(2026, 11, 22, 15, 4, 5, tzinfo=timezone.utc)


@resource(
    "server",
    id_prefix="i-",
    operation="DescribeServers",
    items="Servers[]",
    hidden={"state": "terminated"},
    created="launched_at",
)
class Server(Regional):
    name: str | None = column("Name", default=True)
    id: str = column("Id", default=True)
    state: str = column("State", default=True)
    type: str = column("Type", default=True)
    public_ip: str | None = column("Ip", default=True)
    launched_at: datetime | None = column("Launched", default=True)
    size: int | None = column("Size")
    price: float | None = column("Price")
    public: bool | None = column("Public")
    groups: list[str] = column("Groups")
    rules: list[dict[str, Any]] = column("Rules")
    tags: dict[str, str] = column("Tags")


def server(number: int = 1, **properties: Any) -> Server:
    """A server with everything set; ``number`` makes it another one."""
    return Server(
        **{
            "profile": None,
            "region": "us-east-1",
            "name": f"web-{number}",
            "id": f"i-{number:017x}",
            "state": "running",
            "type": "t3.micro",
            "public_ip": f"54.0.0.{number}",
            "launched_at": NOW - timedelta(days=3, hours=number),
            "size": 8,
            "price": 0.0116,
            "public": False,
            "groups": ["web", "ssh"],
            "rules": [{"protocol": "tcp", "from_port": 22, "source": "10.0.0.0/8"}],
            "tags": {"Name": f"web-{number}", "env": "dev"},
            **properties,
        }
    )


@dataclass(frozen=True)
class Batch:
    items: Sequence[Server]
    more: bool = False


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool = False, text: str = "") -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@dataclass
class Seen(Screen):
    """A screen that tells what has been written."""

    @property
    def out(self) -> str:
        return self.stdout.getvalue()  # type: ignore[attr-defined]

    @property
    def err(self) -> str:
        return self.stderr.getvalue()  # type: ignore[attr-defined]


def make_screen(
    *, out: bool = False, err: bool = False, ask: bool = False, width: int = 80, typed: str = "", **rest: Any
) -> Seen:
    """``out``, ``err``, ``ask``: whether stdout, stderr and stdin are terminals, without colors unless asked for."""
    environ = {"COLUMNS": str(width), "NO_COLOR": "1", **rest.pop("environ", {})}
    return Seen(
        Stream(terminal=ask, text=typed),
        Stream(terminal=out),
        Stream(terminal=err),
        environ,
        clock=lambda: NOW,
        **rest,
    )
