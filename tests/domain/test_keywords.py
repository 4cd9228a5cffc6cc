import pytest

from gateway.adapters.content_files import ContentFiles
from gateway.domain.keywords import Vocabularies, Vocabulary, command_in, language_asked
from gateway.domain.menu import digit_in
from gateway.domain.text import folded

COMMANDS = {
    "STOP", "START", "MENU", "AIDE", "RDV", "LANGUE", "PLUS", "SIMPLE", "SOURCE", "RETOUR", "PERSONNE",
    "POURQUOI", "STOP RAPPEL", "STOP RELANCE", "STOP INFO", "HEURE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("STOP", "STOP"), ("stop", "STOP"), ("Stop.", "STOP"), ("stoppp", "STOP"), ("  STOP  !!", "STOP"),
        ("ARRET", "STOP"), ("Arrêt", "STOP"), ("ARRÊT", "STOP"), ("arrêtez", "STOP"), ("stop svp", "STOP"),
        ("svp stop merci", "STOP"), ("Bonjour, STOP merci beaucoup", "STOP"), ("UNSUBSCRIBE", "STOP"),
        ("stop all", "STOP"), ("please stop", "STOP"), ("стоп", "STOP"), ("СТОП!", "STOP"), ("توقف", "STOP"),
        ("ｓｔｏｐ", "STOP"), ("\u202eSTOP\u202c", "STOP"), ("STOP 🛑", "STOP"),
        ("START", "START"), ("start svp", "START"), ("старт", "START"), ("reprendre", "START"),
        ("Menu", "MENU"), ("le menu svp", "MENU"), ("меню", "MENU"),
        ("aide", "AIDE"), ("help", "AIDE"), ("RDV", "RDV"), ("rdv stp", "RDV"), ("rendez-vous", "RDV"),
        ("langue", "LANGUE"), ("plus", "PLUS"), ("la suite", "PLUS"), ("simple", "SIMPLE"),
        ("source", "SOURCE"), ("retour", "RETOUR"), ("appelez-moi", "PERSONNE"), ("call me", "PERSONNE"),
        ("POURQUOI", "POURQUOI"), ("pk ce sms svp", "POURQUOI"), ("why this message?", "POURQUOI"), ("чому", "POURQUOI"),
        ("HEURE", "HEURE"), ("écrivez-moi le soir svp", "HEURE"), ("text me in the evening", "HEURE"),
    ],
)  # fmt: skip
def test_it_obeys_a_keyword_that_is_the_whole_message(
    written: str, command: str, content: ContentFiles
) -> None:
    assert command_in(written, content.vocabularies) == command


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("STOP RAPPEL", "STOP RAPPEL"), ("stop rappels", "STOP RAPPEL"), ("Stop les rappels !", "STOP RAPPEL"),
        ("plus de rappels", "STOP RAPPEL"), ("jveu plu de rapel", "STOP RAPPEL"), ("stop reminders", "STOP RAPPEL"),
        ("не напоминайте", "STOP RAPPEL"), ("وقفوا التذكيرات", "STOP RAPPEL"), ("hatırlatmayın", "STOP RAPPEL"),
        ("STOP RELANCE", "STOP RELANCE"), ("arrêtez de me relancer", "STOP RELANCE"), ("no insistan", "STOP RELANCE"),
        ("STOP INFO", "STOP INFO"), ("stop les infos svp", "STOP INFO"), ("stop notícias", "STOP INFO"),
        # All of it, as before.
        ("STOP", "STOP"), ("stop les messages", "STOP"), ("plus de messages", "STOP"), ("stop pub", "STOP"),
        ("стоп рассылка", "STOP"), ("اوقفوا الرسائل", "STOP"),
        # What comes close and is something else.
        ("info", "AIDE"), ("plus d'infos", "PLUS"), ("rappelez-moi", "PERSONNE"), ("ne me rappelez plus", None),
        ("pas de rappel", None), ("à quelle heure est mon rendez-vous", None), ("changer l'heure", None),
    ],
)  # fmt: skip
def test_it_tells_one_stop_from_another(written: str, command: str | None, content: ContentFiles) -> None:
    assert command_in(written, content.vocabularies) == command


@pytest.mark.parametrize(
    "written",
    ["arrêt de bus", "arret de bus svp", "où est l'arrêt de bus", "arrêt maladie", "stop covoiturage",
     "j'ai arrêté mon travail", "non stop", "bus stop", "the bus stop is far", "stop smoking help",
     "aide au permis", "menu de la cantine", "je veux un rdv jeudi à 9h avec ma fille", "", "?", "👍", "merci",
     "зупинка автобуса", "موقف الحافلة"],
)  # fmt: skip
def test_it_leaves_sentences_alone(written: str, content: ContentFiles) -> None:
    assert command_in(written, content.vocabularies) is None


@pytest.mark.parametrize(
    ("written", "language"),
    [
        ("english", "en"), ("English please", "en"), ("anglais", "en"), ("francais", "fr"),
        ("Français svp", "fr"), ("العربية", "ar"), ("arabe", "ar"), ("українська", "uk"), ("ukrainien", "uk"),
        ("ukrainian please", "uk"), ("arabic", "ar"), ("французька", "fr"), ("cours de français", None),
        ("I am learning english", None), ("", None),
    ],
)  # fmt: skip
def test_it_knows_a_language_by_its_name(written: str, language: str | None, content: ContentFiles) -> None:
    assert language_asked(written, content.vocabularies) == language


def test_it_has_every_command_in_every_language(content: ContentFiles) -> None:
    missing = [(v.language, c) for v in content.vocabularies for c in COMMANDS - set(v.commands.values())]
    assert missing == []


def test_it_knows_every_digit_in_every_language(content: ContentFiles) -> None:
    missing = [
        (v.language, d) for v in content.vocabularies for d in "0123456789" if d not in v.digits.values()
    ]
    assert missing == []


def test_it_gives_each_phrase_one_meaning(content: ContentFiles) -> None:
    """A phrase that is STOP in one language and MENU in another would obey whoever comes first."""
    meanings: dict[str, set[str]] = {}
    for vocabulary in content.vocabularies:
        for phrase, command in vocabulary.commands.items():
            meanings.setdefault(phrase, set()).add(command)
        for phrase, digit in vocabulary.digits.items():
            meanings.setdefault(phrase, set()).add(f"digit {digit}")
        for name, phrases in (
            ("a language", vocabulary.names),
            ("yes", vocabulary.yes),
            ("no", vocabulary.no),
        ):
            for phrase in phrases:
                of = f"{name} {vocabulary.language}" if name == "a language" else name
                meanings.setdefault(phrase, set()).add(of)
    assert {phrase: found for phrase, found in meanings.items() if len(found) > 1} == {}


def test_it_hears_that_it_is_done_and_not_yet(content: ContentFiles) -> None:
    """ "fait" answers "1 Oui", "pas encore" answers "2 Non, pas encore": see domain/menu.chosen."""
    known = content.vocabularies
    assert {"fait", "c est fait", "c est signe"} <= known.yes
    assert {"pas encore", "toujours pas", "not yet", "henuz degil"} <= known.no


def test_it_never_hides_a_digit_behind_a_keyword(content: ContentFiles) -> None:
    words = {w: d for v in content.vocabularies for w, d in v.digits.items()}
    hidden = [
        word
        for word in [*words, *"0123456789"]
        if command_in(word, content.vocabularies) or digit_in(word, words) is None
    ]
    assert hidden == []


def test_it_reads_every_word_as_a_word(content: ContentFiles) -> None:
    """An unquoted "no" or "on" in YAML comes out as False or True."""
    wrong = []
    for language, raw in content.about.items():
        lists = [raw[name] for name in ("ask_for", "hello", "polite", "yes", "no")]
        lists += [*raw["keywords"].values(), *raw["digits"].values()]
        wrong += [(language, word) for words in lists for word in words if isinstance(word, bool | None)]
        wrong += [(language, key) for key in raw if not isinstance(key, str)]
    assert wrong == []


def test_it_takes_polite_words_from_both_ends_only() -> None:
    raw = {"keywords": {"STOP": ["arrêtez tout"]}, "polite": ["svp", "merci bien"]}
    french = Vocabularies([Vocabulary.of("fr", raw)])
    assert command_in("svp arretez tout merci bien", french) == "STOP"
    assert command_in("merci bien svp arretez tout", french) == "STOP"
    assert command_in("arretez svp tout", french) is None
    assert command_in("svp merci bien", french) is None


def test_it_hears_the_politeness_of_every_language() -> None:
    french = Vocabulary.of("fr", {"keywords": {"STOP": []}})
    english = Vocabulary.of("en", {"polite": ["please"]})
    assert command_in("stop please", Vocabularies([french, english])) == "STOP"


def test_it_folds_what_the_file_says() -> None:
    french = Vocabulary.of(
        "fr", {"keywords": {"RDV": ["Rendez-vous"]}, "digits": {1: ["Première"], 0: ["o"]}}
    )
    assert french.commands == {"rdv": "RDV", "rendez vous": "RDV"}
    assert french.digits == {"premiere": "1", "o": "0"}
    assert all(folded(phrase) == phrase for phrase in french.commands)


def test_it_does_without_what_the_file_leaves_out() -> None:
    bare = Vocabularies([Vocabulary.of("xx", {})])
    assert command_in("stop", bare) is None
    assert language_asked("stop", bare) is None
    assert command_in("", bare) is None
