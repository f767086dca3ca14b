"""The state of the sandbox: accounts, their regions, what is in them, and the time.

Nothing runs in the background: a change that takes time is an effect with a due time, and is applied when the
region is looked at after it.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import field
from datetime import datetime, timezone
from typing import Any

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import geography
from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.settings import Settings

ACCOUNT = "123456789012"
"""The account of the sandbox's own credentials."""

Effect = Callable[[], None]


@dataclass(eq=False)
class Thing:
    """A resource: ``data`` in the shape of botocore's answer (without tags), and what no answer shows."""

    id: str
    data: dict[str, Any]
    born: float
    extra: dict[str, Any] = field(default_factory=dict)


class Region:
    """One region of one account."""

    def __init__(self, world: World, account: str, name: str) -> None:
        self.world = world
        self.account = account
        self.name = name
        self.random = random.Random(f"{world.seed}/{account}/{name}")
        self.instances: dict[str, Thing] = {}
        self.images: dict[str, Thing] = {}
        self.snapshots: dict[str, Thing] = {}
        self.volumes: dict[str, Thing] = {}
        self.addresses: dict[str, Thing] = {}
        self.spot_requests: dict[str, Thing] = {}
        self.groups: dict[str, Thing] = {}
        self.rules: dict[str, Thing] = {}
        self.key_pairs: dict[str, Thing] = {}
        self.bin_images: dict[str, Thing] = {}
        self.gone_images: set[str] = set()
        self.bin_snapshots: dict[str, Thing] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.encrypted_by_default = False
        self.ebs_key: str | None = None
        self.recycle_bin = False
        self.public_images_blocked = False
        self.zone_offset = 0
        self._tokens: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self._effects: list[tuple[float, int, Effect]] = []
        self._order = itertools.count()

    # Time

    @property
    def settings(self) -> Settings:
        """What is tuned."""
        return self.world.settings

    def now(self) -> float:
        """The sandbox's time, in seconds since the epoch."""
        return self.world.now()

    def moment(self, seconds: float | None = None) -> datetime:
        """A time (now) as answers carry it: EC2 counts whole seconds for nearly everything."""
        return datetime.fromtimestamp(int(self.now() if seconds is None else seconds), timezone.utc)

    def after(self, delay: float, effect: Effect) -> None:
        """Let an effect happen once ``delay`` seconds have passed; 0 is before the next request."""
        heapq.heappush(self._effects, (self.now() + delay, next(self._order), effect))

    def settle(self) -> None:
        """Apply all effects that are due, and those due at once that they bring."""
        while self._effects and self._effects[0][0] <= self.now():
            heapq.heappop(self._effects)[2]()

    # Identifiers

    def new_id(self, prefix: str) -> str:
        """A new ID in EC2's long form."""
        return f"{prefix}-0{self.random.getrandbits(64):016x}"

    # Tags

    def tag(self, resource: str, tags: Iterable[dict[str, str]]) -> None:
        """Set tags (EC2's list form) on a resource."""
        pairs = {tag["Key"]: tag.get("Value", "") for tag in tags}
        if pairs:
            self.tags.setdefault(resource, {}).update(pairs)

    def with_tags(self, thing: Thing, **more: Any) -> dict[str, Any]:
        """The resource as EC2 answers it."""
        found = self.tags.get(thing.id)
        listed = [{"Key": key, "Value": value} for key, value in found.items()] if found else []
        return {**thing.data, **more, "Tags": listed}

    # Consistency

    def visible(self, things: Iterable[Thing]) -> list[Thing]:
        """Those that EC2 already tells about."""
        lag = self.settings.visible_after
        if not lag:
            return list(things)
        limit = self.now() - lag
        return [thing for thing in things if thing.born <= limit]

    def once(self, operation: str, parameters: dict[str, Any], act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``act`` answers, and the same again for the same ClientToken.

        Raises Refusal (IdempotentParameterMismatch) when that token came with other parameters.
        """
        token = parameters.get("ClientToken")
        if not token:
            return act()
        asked = json.dumps(
            {name: value for name, value in parameters.items() if name not in ("ClientToken", "DryRun")},
            sort_keys=True,
            default=str,
        )
        known = self._tokens.get((operation, token))
        if known is not None:
            if known[0] != asked:
                raise Refusal(
                    "IdempotentParameterMismatch",
                    "The client token that you provided was used with different parameters in an earlier request. "
                    "Use a different client token.",
                )
            return known[1]
        result = act()
        self._tokens[operation, token] = (asked, result)
        return result


class World:
    """Everything that the sandbox holds."""

    def __init__(self, settings: Settings, *, seed: str = "ectwo", clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.seed = seed
        self._clock = clock
        self.skipped = 0.0
        self.opted_in: set[str] = set()
        self.public_images: dict[str, dict[str, Thing]] = {}
        self.private_given: dict[str, int] = {}
        self.public_given = 0
        self._regions: dict[tuple[str, str], Region] = {}

    def now(self) -> float:
        """The sandbox's time: the clock's, plus what was skipped."""
        return self._clock() + self.skipped

    def status(self, name: str) -> str:
        """A region's opt-in status."""
        return geography.OPTED_IN if name in self.opted_in else geography.REGIONS[name]

    def enabled(self) -> list[str]:
        """The regions that may be used."""
        return [name for name in geography.REGIONS if self.status(name) != geography.OPTED_OUT]

    def region(self, name: str, account: str = ACCOUNT) -> Region:
        """A region of an account, made when it is first asked for. KeyError when AWS has none of that name."""
        if name not in geography.REGIONS:
            raise KeyError(name)
        key = (account, name)
        if key not in self._regions:
            self._regions[key] = Region(self, account, name)
        return self._regions[key]

    def regions(self, account: str = ACCOUNT) -> list[Region]:
        """The regions of an account that were in use."""
        return [region for (owner, _), region in self._regions.items() if owner == account]

    def accounts(self) -> list[str]:
        """The accounts that were in use."""
        return list(dict.fromkeys(owner for owner, _ in self._regions))

    def settle(self) -> None:
        """Apply what is due, everywhere: copies look at other regions."""
        for region in list(self._regions.values()):
            region.settle()
