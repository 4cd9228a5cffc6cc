"""`./run …`: one word, one module of this folder."""

import signal
import sys

# First of all: loading takes seconds, and a Ctrl-C then is not an accident to be told in a traceback.
for _which in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_which, lambda *_: sys.exit(130))

import argparse  # noqa: E402
import importlib  # noqa: E402
from types import FrameType  # noqa: E402

from gateway.errors import NotReady  # noqa: E402

COMMANDS = {
    "demo": "démarre la démonstration (sans argument)",
    "test": "lance tous les tests (./run test tests/chemin pour quelques-uns)",
    "check": "vérifie le code, les règles d'import, les traductions et les textes",
    "fix": "remet le code en forme",
    "train": "entraîne le robot si son contenu a changé",
    "talk": "une conversation dans le terminal ; en sortant, l'écrit comme un script",
    "content": "liste chaque texte : segments, lisibilité, traduction, source, âge",
    "questions": "les questions restées sans réponse : lister, donner un sens, ajouter aux phrases",
    "messages": "met à jour les catalogues de traduction",
    "evaluate": "mesure la compréhension sur un fichier de phrases",
    "obstacles": "les freins partagés : ceux d'un référent, les chiffres du département",
    "import": "referents | beneficiaries FICHIER.csv, services FICHIER.json",
    "bench": "mesure les temps de réponse",
    "serve": "production : la passerelle",
    "worker": "production : un travailleur",
    "rasa": "production : un Rasa (--port 5005)",
    "status": "est-ce que ça marche ? ce qui attend, ce qui ne va pas, le coût du mois",
    "forget": "efface tout ce qui est gardé sur un numéro",
    "export": "la copie de ce qui est gardé sur un numéro, en JSON",
    "recover": "production : rattrape les SMS reçus par l'opérateur pendant une panne",
    "rekey": "rechiffre la base avec la première clé, pendant que le service tourne",
}


def main() -> int:
    arguments = sys.argv[1:] or ["demo"]
    lines = "\n".join(f"  ./run {name:<9} {about}" for name, about in COMMANDS.items())
    if arguments[0] in ("-h", "--help", "help"):
        print(f"Coup de pouce\n\n{lines}\n\nChaque commande accepte --help.")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        print(f"Commande inconnue : {name}. Les commandes :\n{lines}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"gateway.commands.{name}" + ("_" if name == "import" else ""))
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, _stop)
    parser = argparse.ArgumentParser(prog=f"./run {name}", description=module.__doc__)
    module.add_arguments(parser)
    try:
        return int(module.run(parser.parse_args(rest)) or 0)
    except NotReady as missing:
        print(str(missing), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
