"""Our reader of training files finds what Rasa's finds."""

from pathlib import Path

from rasa.shared.importers.rasa import RasaFileImporter

from bot.training_files import TrainingFiles

FOOD = """version: "3.1"
nlu:
  - intent: faq/food_aid
    examples: |
      - j'ai faim : où aller ?
      - 0 euro ce soir #urgent
  - intent: greet
    examples: |
      - salut 👋
responses:
  utter_faq/food_aid:
  - text: "La mairie donne les adresses."
    metadata: {source: mairie}
rules:
  - rule: questions
    steps:
      - intent: faq
      - action: utter_faq
"""
ARABIC = """version: "3.1"
nlu:
- intent: greet
  examples: |
    - السلام عليكم
"""
DOMAIN = 'version: "3.1"\nintents: [faq, greet]\nactions: [utter_faq]\n'


def test_it_finds_what_rasas_own_reader_finds(tmp_path: Path) -> None:
    folder, other, domain = tmp_path / "data", tmp_path / "ar.yml", tmp_path / "domain.yml"
    folder.mkdir()
    (folder / "food.yml").write_text(FOOD, encoding="utf-8")
    other.write_text(ARABIC, encoding="utf-8")
    domain.write_text(DOMAIN, encoding="utf-8")
    paths = [str(folder), str(other)]
    ours, theirs = TrainingFiles(None, str(domain), paths), RasaFileImporter(None, str(domain), paths)

    def lines(importer: RasaFileImporter) -> list:
        return sorted(m.as_dict().items() for m in importer.get_nlu_data().intent_examples)

    assert [dict(line) for line in lines(ours)] == [dict(line) for line in lines(theirs)]
    assert len(lines(ours)) == 4
    assert ours.get_nlu_data().responses == theirs.get_nlu_data().responses
    assert ours.get_stories().fingerprint() == theirs.get_stories().fingerprint()
    assert len(ours.get_stories().story_steps) == 1
