"""Checks envoy.yaml against Envoy's own messages; exits with 1 and names what is wrong.

They come with the package xds-protos, which brings files of other packages too: install it in a folder of its own.
"""

import importlib
import pkgutil
import sys
from pathlib import Path

import yaml
from google.protobuf import descriptor_pool, json_format, message_factory

_PACKAGES = (
    "config.bootstrap.v3",
    "extensions.filters.http.router.v3",
    "extensions.filters.network.http_connection_manager.v3",
    "extensions.transport_sockets.tls.v3",
    "extensions.upstreams.http.v3",
)


def main() -> int:
    for package in _PACKAGES:
        found = importlib.import_module(f"envoy.{package}")
        for module in pkgutil.walk_packages(found.__path__, f"{found.__name__}."):
            if module.name.endswith("_pb2"):
                importlib.import_module(module.name)
    bootstrap = descriptor_pool.Default().FindMessageTypeByName("envoy.config.bootstrap.v3.Bootstrap")
    config = yaml.safe_load(Path(__file__).with_name("envoy.yaml").read_text())
    try:
        json_format.ParseDict(config, message_factory.GetMessageClass(bootstrap)())
    except json_format.ParseError as error:
        sys.stderr.write(f"envoy.yaml: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
