"""``images spot-prices`` and ``images spot-request``: spot, beginning with an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ectwo_cli.aws.session import Client
from ectwo_cli.commands.launch_options import LaunchOptions
from ectwo_cli.commands.spot_market import Most, show_prices
from ectwo_cli.commands.spot_requests import Terms, make_request
from ectwo_cli.options.acting import Consent, Tagging, Waiting
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.query import Condition, Query
from ectwo_cli.services import search, spot_needs, spot_prices
from ectwo_cli.services.images import Image
from ectwo_cli.services.search import Page
from ectwo_cli.services.spot_prices import SpotPrice
from ectwo_cli.services.spot_requests import SpotRequest


def prices(target: Target[Image], listing: Listing[SpotPrice], view: ViewOptions[SpotPrice], most: Most = None) -> None:
    """Spot prices of the types that an image runs on.

    \b
      ectwo images spot-prices web-2026-11 --limit 10
      ectwo images spot-prices web-2026-11 --type 'm*.large,c*.large' --max 0.04
      ectwo images spot-prices us-east-1/ami-0123456789abcdef0 --zone us-east-1a --json

    In the image's region, cheapest first; its platform and architecture decide. 'images migrate' brings it elsewhere.
    """
    image = target.item()
    client = target.client_of(image)
    platform = spot_prices.platform_of_image(search.raw(client, image))
    architecture = image.architecture or "x86_64"
    more = [] if listing.properties.get("os_of") else [spot_prices.of_platform(platform)]
    if most is not None:
        more.append(spot_prices.at_most(most))

    def fitting(here: Client, query: Query[SpotPrice]) -> Iterator[Page[SpotPrice]]:
        types = spot_needs.types_of_architecture(here, architecture)
        fits = Condition(lambda item: item.type in types, about="type")
        asked = replace(query, conditions=[*query.conditions, fits])
        yield from spot_prices.current(here, asked, now=target.program.now)

    show_prices(listing, view, listing.also(more), how=fitting, places=[client])


def request(
    target: Target[Image],
    options: LaunchOptions,
    terms: Terms,
    tagging: Tagging,
    consent: Consent,
    waiting: Waiting,
    view: Report[SpotRequest],
) -> None:
    """Request spot instances of an image, in its region.

    \b
      ectwo images spot-request web-2026-11 --type m6i.large --key me --group web
      ectwo images spot-request us-east-1/ami-0123456789abcdef0 --count 3 --valid-until 6h
      ectwo images spot-request web-2026-11 --persistent --interruption stop --dry-run

    The same as 'spot request --image', but the image is looked for in all regions.
    """
    image = target.item()
    client = target.client_of(image)
    wanted = options.wanted(image.id, client.region, tagging.tags)
    make_request(
        target,
        client,
        replace(wanted, market=terms.market),
        terms,
        consent,
        waiting,
        view,
        found=search.raw(client, image),
    )
