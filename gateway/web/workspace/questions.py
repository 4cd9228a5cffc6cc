"""What the assistant did not understand: to be given a meaning, or deleted. It belongs to nobody."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.questions import KeptQuestion
from gateway.domain.text import folded
from gateway.errors import BadForm
from gateway.usecases.learning import masked
from gateway.web.workspace import wording
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")


async def leading(signed: Annotated[Signed, Depends(signed_in)]) -> Signed:
    """These pages are for who leads a team; nobody else knows of them."""
    if not signed.referent.leads:
        raise HTTPException(404)
    return signed


Leading = Annotated[Signed, Depends(leading)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
SHOWN = 20
FOUND = 12  # topics of a search
WHY = wording.WORDS["why_kept"]
# Meanings that no menu names, and names of menus that no line teaches.
WITHOUT_LABEL = wording.WORDS["without_label"]
NOT_LEARNED = frozenset(
    {
        "language_other",
        "obstacle/basic_needs",
        "obstacle/confidence",
        "obstacle/disability",
        "obstacle/job_search",
    }
)
SAID = wording.WORDS["questions"]


@router.get("/questions", response_class=HTMLResponse)
async def questions(request: Request, signed: Leading, said: str = "") -> Response:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        kept = await tx.questions()
    waiting = [one for one in kept if not one.intent]
    rows = [_row(request, one) for one in waiting[:SHOWN]]
    return page(
        request, "workspace/questions.html", signed, rows=rows, more=max(len(waiting) - SHOWN, 0),
        labelled=len(kept) - len(waiting), said=SAID.get(said, ""),
    )  # fmt: skip


@router.get("/questions/{question_id:int}", response_class=HTMLResponse)
async def question(request: Request, signed: Leading, question_id: Id, search: str = "") -> Response:
    """One of them, with a search among all the topics."""
    kept = await _kept(request, question_id)
    row = _row(request, kept)
    found = topics(request, search[:100])[:FOUND] if search else ()
    return page(request, "workspace/question.html", signed, row=row, search=search[:100], found=found)


@router.post("/questions/{question_id:int}/label")
async def label(request: Request, signed: Leading, question_id: Id) -> Response:
    """`intent`: a meaning of bot/data; `text`, when it is given, replaces what was written."""
    form = await checked_form(request, signed)
    if form.get("intent") not in {intent for intent, _ in topics(request)}:
        raise BadForm("Choisissez un sujet de la liste.")
    async with request.app.state.wiring.store.transaction() as tx:
        done = await tx.label_question(question_id, form["intent"], masked(form.get("text", "")[:500]))
    return RedirectResponse(f"/workspace/questions?said={'labelled' if done else 'gone'}", 303)


@router.post("/questions/{question_id:int}/delete")
async def delete(request: Request, signed: Leading, question_id: Id) -> Response:
    await checked_form(request, signed)
    async with request.app.state.wiring.store.transaction() as tx:
        done = await tx.delete_question(question_id)
    return RedirectResponse(f"/workspace/questions?said={'deleted' if done else 'gone'}", 303)


def topics(request: Request, search: str = "") -> Sequence[tuple[str, str]]:
    """(meaning, its French label) of those whose label holds every word that is looked for, the shortest first."""
    words = request.app.state.wiring.words
    wanted = folded(search).split()
    found = [
        (intent, title(words, intent))
        for intent in learned(words)
        if all(w in folded(f"{title(words, intent)} {intent}") for w in wanted)
    ]
    return sorted(found, key=lambda one: (len(one[1]), one[1]))


def learned(words: Any) -> Sequence[str]:
    """The meanings that have lines to learn from: those with a label, menus and pages of menus apart."""
    named = (
        name.removeprefix("utter_")
        for name, found in words.responses.items()
        if found.metadata.get("label") and not found.metadata.get("campaign")
    )
    return [*(n for n in named if n not in NOT_LEARNED and not n.endswith("_more")), *WITHOUT_LABEL]


def title(words: Any, intent: str) -> str:
    """What a meaning is called; "" when it has no name that people know."""
    return WITHOUT_LABEL.get(intent) or str(words.label(intent, "fr"))


async def _kept(request: Request, question_id: int) -> KeptQuestion:
    async with request.app.state.wiring.store.transaction() as tx:
        found: KeptQuestion | None = next(
            (one for one in await tx.questions() if one.id == question_id), None
        )
    if found is None:
        raise HTTPException(404)
    return found


def _row(request: Request, one: KeptQuestion) -> dict[str, Any]:
    words = request.app.state.wiring.words
    weighed = [(name, title(words, name)) for name, _ in one.candidates]
    return {
        "id": one.id,
        "text": one.text,
        "lang": one.language,
        "language": wording.language(one.language),
        "why": WHY[one.kind],
        "day": wording.day(one.on),
        "candidates": [(name, title) for name, title in weighed if title],
        "intent": title(words, one.intent) if one.intent else "",
    }
