"""What became of a target when EC2 refused."""

from __future__ import annotations

from ectwo_cli.model import R
from ectwo_cli.outcome import Outcome


def failed(item: R, error: Exception) -> Outcome[R]:
    """The outcome for ``item`` of an error of AWS, the network or ours, in words for the user."""
    from ectwo_cli.aws.explain import explain

    told = explain(error)
    return Outcome(item, None, told.message, told.code, told.hint)
