"""Questions in many languages, and the same ones sent again all but word for word."""

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

from uptake_service.embedding.embed import normalise_query
from uptake_service.embedding.scripts import SPACELESS, dominant_script

_FILE = Path(__file__).parent / "benchmarks" / "languages.toml"
_TYPING_ERRORS = 4
"""Of each kind for each question."""


@dataclass(frozen=True)
class Language:
    """Unrelated questions of one subject, and the words that are put before one."""

    code: str
    name: str
    please: str
    hello: str
    questions: tuple[str, ...]

    def again(self, question: str, seed: int) -> dict[str, list[str]]:
        """The question as other people send it, by what is different about it."""
        dice = random.Random(f"{self.code} {seed}")
        space = "" if dominant_script(normalise_query(question)) in SPACELESS else " "
        bare = question.rstrip("?\uff1f;؟।།!. ")
        letters = [place for place, character in enumerate(question) if character.isalpha()]
        return {
            "capitals": [question.upper()],
            "marks": [bare, f"{bare}!!", f"{bare}...", f"{bare} ?"],
            "spaces": [f"  {question.replace(' ', '  ')}\n", question.replace(" ", "\u00a0")],
            "please": [f"{self.please}{space}{question}", f"{bare}{space}{self.please.rstrip(',،፣、:')}"],
            "greeting": [f"{self.hello}{space}{question}"],
            "typing error": [text for _ in range(_TYPING_ERRORS) for text in _misspelt(question, letters, dice)],
        }


def languages() -> dict[str, Language]:
    """All languages of the file, by code."""
    with _FILE.open("rb") as file:
        table = tomllib.load(file)
    return {
        code: Language(code, row["name"], row["please"], row["hello"], tuple(row["questions"].strip().splitlines()))
        for code, row in table.items()
    }


def _misspelt(question: str, letters: list[int], dice: random.Random) -> list[str]:
    """A letter left out, doubled, swapped with its neighbour, and another in its place."""
    out, twice, swapped, wrong = (dice.choice(letters) for _ in range(4))
    swapped = min(swapped, len(question) - 2)
    return [
        question[:out] + question[out + 1 :],
        question[:twice] + question[twice] + question[twice:],
        question[:swapped] + question[swapped + 1] + question[swapped] + question[swapped + 2 :],
        question[:wrong] + question[dice.choice(letters)] + question[wrong + 1 :],
    ]
