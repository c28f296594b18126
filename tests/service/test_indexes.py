"""Every index that a store declares is in the database once a service has started, and no other."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import uptake_service
from uptake_service.app.stores import STORES
from uptake_service.mongo.indexes import Index
from uptake_service.mongo.texts import Store

from tests.conftest import Service, StartService

_OWN = {"_id_"}
"""The index that every collection has."""


def declaring() -> dict[type, tuple[Index, ...]]:
    """All classes of the package that declare indexes, whether or not anybody opens them, and what they declare."""
    return {
        each: vars(each)["INDEXES"]
        for module in modules()
        for each in classes_of(module)
        if "INDEXES" in vars(each) and each is not Store
    }


def modules() -> Iterator[ModuleType]:
    """All modules of the package that can be imported."""
    for module in pkgutil.walk_packages(uptake_service.__path__, "uptake_service."):
        if not module.name.endswith("__main__"):
            yield importlib.import_module(module.name)


def classes_of(module: ModuleType) -> Iterator[type]:
    """The classes that a module defines."""
    for each in vars(module).values():
        if isinstance(each, type) and each.__module__ == module.__name__:
            yield each


def declared() -> list[Index]:
    return [index for indexes in declaring().values() for index in indexes]


def told(collection: str, keys: object, options: dict[str, object]) -> str:
    """An index in one line, the same of what is declared and of what is there."""
    unique = " unique" if options.get("unique") else ""
    condition = options.get("partialFilterExpression")
    where = f" where {json.dumps(condition)}" if condition else ""
    expiry = f" expires {options['expireAfterSeconds']}" if "expireAfterSeconds" in options else ""
    return f"{collection} {keys}{unique}{where}{expiry}"


async def existing(service: Service) -> list[str]:
    found: list[str] = []
    for name in await service.mongo.database.list_collection_names():
        indexes = await service.mongo.database[name].index_information()
        found += [
            told(name, [(field, int(direction)) for field, direction in options.pop("key")], options)
            for index, options in indexes.items()
            if index not in _OWN
        ]
    return sorted(found)


def lines(indexes: list[Index]) -> Iterator[str]:
    for index in indexes:
        yield told(index.collection, list(index.keys), index.options)


async def test_the_database_has_every_declared_index_and_no_other(service: Service) -> None:
    expected = sorted(lines(declared()))
    assert len(expected) == len(set(expected)) > 20
    assert await existing(service) == expected


async def test_a_service_that_starts_again_changes_no_index(start_service: StartService) -> None:
    before = await existing(await start_service())
    assert await existing(await start_service()) == before


def test_two_indexes_of_one_collection_have_names_of_their_own() -> None:
    # The database names an index by its keys, and refuses the second of a name.
    names = [(index.collection, index.keys) for index in declared()]
    assert len(names) == len(set(names))


def test_every_class_that_declares_indexes_is_in_the_list() -> None:
    assert set(declaring()) == {store for store in STORES if store.INDEXES}
