"""The Uptake service."""

import os

# gRPC's core would tell standard error of a taken port or a lost peer in its own words; the service does so in its
# own. The core reads this when it is imported, so that it has to stand before everything.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# The service's matrices are small: spreading a product over threads takes more of the processor than the product does.
# Read when numpy is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
