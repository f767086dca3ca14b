"""The regions of the ``aws`` partition and their zones."""

from __future__ import annotations

ENABLED = "opt-in-not-required"
OPTED_IN = "opted-in"
OPTED_OUT = "not-opted-in"

_DEFAULT = (
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 "
    "eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"
)
_OPT_IN = (
    "af-south-1 ap-east-1 ap-east-2 ap-south-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 "
    "ap-southeast-7 ca-west-1 eu-central-2 eu-south-1 eu-south-2 il-central-1 me-central-1 me-south-1 mx-central-1"
)

REGIONS: dict[str, str] = {
    **dict.fromkeys(_DEFAULT.split(), ENABLED),
    **dict.fromkeys(_OPT_IN.split(), OPTED_OUT),
}
"""Each region's opt-in status. As in a new account, those that have to be asked for are off."""

_LETTERS = {
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "us-east-1": "abcdef",
    "us-west-1": "ab",
    "us-west-2": "abcd",
}


def zones(region: str) -> list[str]:
    """The names of a region's availability zones."""
    return [region + letter for letter in _LETTERS.get(region, "abc")]
