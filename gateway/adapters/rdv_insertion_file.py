"""Reads territories/<departement>/rdv_insertion.yml: which columns of its files say what we need."""

from pathlib import Path

from gateway.adapters.content_files import read_yaml
from gateway.domain.language import LANGUAGES
from gateway.errors import NotReady
from gateway.usecases.importing_rdv_insertion import FIELDS, Layout


def read_layout(root: Path, departement: str) -> Layout:
    """Raises NotReady when there is no such file, or when it names what we do not keep."""
    path = root / "territories" / departement / "rdv_insertion.yml"
    if not path.exists():
        raise NotReady(f"{path.relative_to(root)} est absent : copiez celui d'un autre département.")
    raw = read_yaml(path)
    columns = {name: tuple(titles) for name, titles in raw["columns"].items()}
    languages = raw.get("languages") or {}
    wrong = [name for name in columns if name not in FIELDS]
    wrong += [code for code in languages.values() if code not in LANGUAGES]
    if wrong or "phone" not in columns:
        raise NotReady(f"{path.relative_to(root)} : {', '.join(wrong) or 'phone'} à vérifier.")
    return Layout(columns, languages)
