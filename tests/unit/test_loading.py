"""What the service loads when it starts."""

import subprocess
import sys

_CLUSTERING = ("hdbscan", "scipy", "sklearn")


def test_what_only_clustering_needs_is_not_loaded_by_the_service() -> None:
    program = f"import sys, uptake_service.app; print([each for each in {_CLUSTERING!r} if each in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    assert told.stdout.strip() == "[]"
