"""What the letters of a line look like to the classifier.

Runs of 2 to 5 letters inside words carry noisy spelling ("g pa le permi"); whole words and pairs of words
carry the rest.
"""

import json
import re
import unicodedata
from pathlib import Path
from typing import List, Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.components.meaning import MAX_CHARACTERS

_ARABIC = str.maketrans("أإآٱىکیة", "اااايكيه")
_REPEATED = re.compile(r"(.)\1{2,}")
_NOT_A_WORD = re.compile(r"[^\w\s]|_")
_SPACES = re.compile(r"\s+")


def simplified(text: str) -> str:
    """The line without accents, capitals, punctuation or repeated letters."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u200c", "").translate(_ARABIC)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = _SPACES.sub(" ", _NOT_A_WORD.sub(" ", _REPEATED.sub(r"\1", text))).strip()
    if len(text) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        text = text[:half] + " " + text[-half:]
    return text


class Letters:
    """Fitted on the training lines, saved as plain JSON and numbers: nothing is unpickled."""

    def __init__(self) -> None:
        # More features cost memory and were not seen to be more right.
        kept = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
        self._views = [
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), max_features=80_000, **kept),
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", max_features=30_000, **kept),  # noqa: S106 no password
        ]

    def fit(self, texts: Sequence[str]) -> "Letters":
        simple = [simplified(t) for t in texts]
        for view in self._views:
            view.fit(simple)
        return self

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """One row a line, float32."""
        simple: List[str] = [simplified(t) for t in texts]
        return hstack([view.transform(simple) for view in self._views], format="csr", dtype=np.float32)

    def save(self, folder: Path) -> None:
        vocabularies = [{word: int(i) for word, i in view.vocabulary_.items()} for view in self._views]
        (folder / "vocabulary.json").write_text(
            json.dumps(vocabularies, ensure_ascii=False), encoding="utf-8"
        )
        np.savez(folder / "idf.npz", *[view.idf_ for view in self._views])

    @classmethod
    def load(cls, folder: Path) -> "Letters":
        letters = cls()
        vocabularies = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        with np.load(folder / "idf.npz") as saved:
            idfs = [saved[name] for name in saved.files]
        for view, vocabulary, idf in zip(letters._views, vocabularies, idfs, strict=True):
            view.vocabulary_, view.idf_ = vocabulary, idf
        return letters
