"""What copies cost, as a range: AWS publishes prices by region and changes them; this is for the order of magnitude.

Prices are USD of AWS's public lists as of PRICED_AT: data transfer out to another region by the source's part of the
world, and standard snapshot storage a month.
"""

from __future__ import annotations

from collections.abc import Mapping

from ectwo_cli.migration.facts import GIB
from ectwo_cli.migration.plan import Action, Plan
from ectwo_cli.records import dataclass

PRICED_AT = "2025-01"

Range = tuple[float, float]

TRANSFER: Mapping[str, Range] = {
    "us": (0.01, 0.02),
    "ca": (0.02, 0.02),
    "eu": (0.02, 0.02),
    "ap": (0.08, 0.10),
    "sa": (0.138, 0.138),
    "me": (0.085, 0.11),
    "af": (0.147, 0.147),
    "il": (0.08, 0.08),
    "mx": (0.02, 0.02),
}
STORAGE: Mapping[str, Range] = {"us": (0.05, 0.066), "sa": (0.068, 0.085)}
ELSEWHERE_TRANSFER: Range = (0.02, 0.147)
ELSEWHERE_STORAGE: Range = (0.05, 0.066)

# Minutes from which on a time-based copy costs so much a GiB.
TIME_BASED = ((960, 0.005), (480, 0.010), (240, 0.012), (120, 0.014), (60, 0.016), (30, 0.018), (15, 0.020))


@dataclass(frozen=True)
class Estimate:
    """USD: ``transfer`` and ``surcharge`` (time-based copies) once, ``storage`` each month, from and to."""

    transfer: Range
    storage: Range
    surcharge: float


def estimate(plan: Plan) -> Estimate:
    """Of what is still to be copied, as if every copy were full."""
    transfer, storage, size = [0.0, 0.0], [0.0, 0.0], 0.0
    for pair in plan.pairs:
        if pair.action is not Action.COPY:
            continue
        gib = pair.bytes / GIB
        size += gib
        moved = TRANSFER.get(pair.source.region.partition("-")[0], ELSEWHERE_TRANSFER)
        kept = STORAGE.get(pair.region.partition("-")[0], ELSEWHERE_STORAGE)
        for end in (0, 1):
            transfer[end] += gib * moved[end]
            storage[end] += gib * kept[end]
    return Estimate((transfer[0], transfer[1]), (storage[0], storage[1]), size * rate(plan.wish.duration))


def rate(minutes: int | None) -> float:
    """USD a GiB for a copy that has to be done in ``minutes``."""
    if minutes is None:
        return 0.0
    return next(price for least, price in TIME_BASED if minutes >= least)


def dollars(found: Range) -> str:
    """``$1.20``, ``$1.20 to 2.40``."""
    low, high = (f"{amount:,.2f}" for amount in found)
    return f"${low}" if low == high else f"${low} to {high}"
