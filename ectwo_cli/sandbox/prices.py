"""Prices: on demand close to the real ones, spot ones that wander under them; the same for everybody at any time.

A spot price is a function of region, zone, type, product and time. It changes about every five hours at moments of
its own, and can be asked for any time in the last 90 days.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

PRODUCTS = ("Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows")
DAYS = 90
_SLOT = 5 * 3600

# US dollars an hour in us-east-1 for each GiB of burstable types, and for each vCPU of others.
_BY_MEMORY = {"t2": 0.0116, "t3": 0.0104, "t3a": 0.0094, "t4g": 0.0084}
_BY_VCPU = {
    "a1": 0.0255, "c4": 0.04975, "c5": 0.0425, "c5a": 0.0385, "c5d": 0.048, "c5n": 0.054, "c6a": 0.03825, "c6g": 0.034,
    "c6gd": 0.0384, "c6i": 0.0425, "c6id": 0.0504, "c6in": 0.0567, "c7a": 0.05132, "c7g": 0.03625, "c7gd": 0.04535,
    "c7i": 0.044625, "c8g": 0.03988, "m4": 0.05, "m5": 0.048, "m5a": 0.043, "m5ad": 0.0515, "m5d": 0.0565,
    "m5n": 0.0595, "m6a": 0.0432, "m6g": 0.0385, "m6gd": 0.0452, "m6i": 0.048, "m6id": 0.059325, "m7a": 0.05796,
    "m7g": 0.0408, "m7gd": 0.0534, "m7i": 0.0504, "m7i-flex": 0.04788, "m8g": 0.04488, "r4": 0.0665, "r5": 0.063,
    "r5a": 0.0565, "r5d": 0.072, "r6a": 0.0567, "r6g": 0.0504, "r6gd": 0.0576, "r6i": 0.063, "r7a": 0.07608,
    "r7g": 0.05355, "r7i": 0.06615, "r8g": 0.05891, "x2gd": 0.0835, "i3": 0.078, "i4i": 0.0858, "i4g": 0.0772,
    "z1d": 0.093, "g4dn": 0.1315, "g5": 0.2515, "g6": 0.2012, "p3": 0.3825, "p4d": 0.3414, "inf1": 0.057,
}  # fmt: skip

_REGIONS = {
    "us-east-1": 1.0, "us-east-2": 1.0, "us-west-2": 1.0, "us-west-1": 1.17, "ca-central-1": 1.11, "eu-west-1": 1.11,
    "eu-west-2": 1.16, "eu-west-3": 1.17, "eu-central-1": 1.2, "eu-north-1": 1.06, "ap-northeast-1": 1.29,
    "ap-northeast-2": 1.23, "ap-northeast-3": 1.29, "ap-south-1": 1.05, "ap-southeast-1": 1.25, "ap-southeast-2": 1.25,
    "sa-east-1": 1.59,
}  # fmt: skip

LOCATIONS = {
    "us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)", "ca-central-1": "Canada (Central)", "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-central-1": "EU (Frankfurt)",
    "eu-north-1": "EU (Stockholm)", "ap-northeast-1": "Asia Pacific (Tokyo)", "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-northeast-3": "Asia Pacific (Osaka)", "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)",
    "sa-east-1": "South America (Sao Paulo)",
}  # fmt: skip


def _share(*words: object) -> float:
    """A number from 0 to 1 that belongs to these words."""
    digest = hashlib.blake2b("/".join(str(word) for word in words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def on_demand(kind: dict[str, Any], region: str, product: str = "Linux/UNIX") -> float:
    """US dollars an hour for a type (as DescribeInstanceTypes gives it)."""
    family = str(kind["InstanceType"]).partition(".")[0]
    cpu = int(kind["VCpuInfo"]["DefaultVCpus"])
    memory = float(kind["MemoryInfo"]["SizeInMiB"]) / 1024
    if family in _BY_MEMORY:
        base = _BY_MEMORY[family] * memory
    elif family in _BY_VCPU:
        base = _BY_VCPU[family] * cpu
    else:
        gpus = sum(int(one.get("Count", 0)) for one in kind.get("GpuInfo", {}).get("Gpus", ()))
        base = 0.027 * cpu + 0.0045 * memory + 0.9 * gpus
    price = base * _REGIONS.get(region, 1.2)
    if product == "Windows":
        price += 0.0092 * max(1.0, memory / 2) if family in _BY_MEMORY else 0.046 * cpu
    elif product == "Red Hat Enterprise Linux":
        price += 0.0144 * cpu
    elif product == "SUSE Linux":
        price += 0.0125 * cpu
    return round(price, 5)


@lru_cache(maxsize=65536)
def _change(region: str, zone: str, name: str, product: str, slot: int) -> tuple[float, float]:
    """When the price of a slot begins, and what share of on-demand it is."""
    words = (region, zone, name, product)
    begins = (slot + 0.15 + 0.7 * _share(*words, slot, "when")) * _SLOT
    level = 0.26 + 0.22 * _share(*words, "level")
    wave = 0.05 * math.sin(slot / (9 + 14 * _share(*words, "wave")) + 6.28 * _share(*words, "phase"))
    noise = 0.035 * (_share(*words, slot, "noise") - 0.5)
    return begins, level + wave + noise


def spot_now(kind: dict[str, Any], region: str, zone: str, product: str, now: float) -> float:
    """The spot price at a time, in US dollars an hour."""
    return next(_falling(kind, region, zone, product, now))[1]


def _falling(kind: dict[str, Any], region: str, zone: str, product: str, until: float) -> Iterator[tuple[float, float]]:
    """Changes (time, price) up to a time, the latest first."""
    full = on_demand(kind, region, product)
    slot = int(until // _SLOT)
    while True:
        begins, share = _change(region, zone, kind["InstanceType"], product, slot)
        if begins <= until:
            yield begins, round(full * share, 4 if full > 0.05 else 6)
        slot -= 1


def history(
    kind: dict[str, Any], region: str, zone: str, product: str, start: float, end: float, now: float
) -> Iterator[tuple[float, float]]:
    """Changes (time, price) between two times, the latest first, and the price that was in effect at the start."""
    first = max(start, now - DAYS * 86400)
    for when, price in _falling(kind, region, zone, product, min(end, now)):
        yield when, price
        if when <= first:
            return


def format_price(price: float) -> str:
    """A price as EC2 writes it: ``0.031200``."""
    return f"{price:.6f}"
