"""The Uptake service."""

import os

# gRPC's core would tell standard error of a taken port or a lost peer in its own words; the service does so in its
# own. The core reads this when it is imported, so that it has to stand before everything.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
