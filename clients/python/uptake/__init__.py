"""Client of Uptake, the feedback service behind an AI product.

Messages and enums are the generated ones of `uptake.v1`.
"""

from uptake.builders import comment, correction, rating, thumbs_down, thumbs_up
from uptake.claim import Claim
from uptake.client import Client
from uptake.errors import UptakeError
from uptake.ingest import StreamResult
from uptake.subscription import Subscription
from uptake.transport import Listing

__all__ = [
    "Claim",
    "Client",
    "Listing",
    "StreamResult",
    "Subscription",
    "UptakeError",
    "comment",
    "correction",
    "rating",
    "thumbs_down",
    "thumbs_up",
]
