"""A message to many: whom and what, a preview with its cost, the launch, what became of it. Numbers, never names."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.campaign import Audience, CampaignRow, Draft
from gateway.domain.text import cleaned
from gateway.errors import BadForm
from gateway.usecases.campaigning import Preview, launch, previewed, why_not
from gateway.web.workspace import wording
from gateway.web.workspace.campaign_rows import campaign_line, options, preview_lines
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace/campaigns")

SignedIn = Annotated[Signed, Depends(signed_in)]
Token = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
TOKEN = re.compile(r"[0-9a-f]{32}")
SHOWN = 50
SAID = wording.WORDS["campaigns"]
REFUSED = wording.WORDS["campaign_not_sent"]
FIELDS = {"nobody": "whom", "changed": "preview", "heavy": "preview", "long": "text"}  # where it is put right


@router.get("", response_class=HTMLResponse)
async def campaigns(request: Request, signed: SignedIn) -> Response:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        found = await tx.campaigns_seen_by(signed.referent.id, SHOWN)
    rows = [campaign_line(one, signed.referent, wiring) for one in found]
    return page(request, "workspace/campaigns.html", signed, rows=rows)


@router.get("/new", response_class=HTMLResponse)
async def new(request: Request, signed: SignedIn) -> Response:
    return await _form(request, signed, {})


@router.post("/new", response_class=HTMLResponse)
async def preview(request: Request, signed: SignedIn) -> Response:
    """A POST, though it changes nothing: a text has no place in an address."""
    form = await checked_form(request, signed)
    draft = _draft(form, signed)
    wrong = why_not(draft, _messages(request))
    return await _form(
        request, signed, form, wrong, None if wrong else await _preview(request, signed, draft)
    )


@router.post("")
async def send(request: Request, signed: SignedIn) -> Response:
    """What was shown in the preview, to as many people as it said, once."""
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    draft, now, token = _draft(form, signed), wiring.clock.now(), form.get("token", "")
    if not TOKEN.fullmatch(token):
        raise BadForm("Ce formulaire n'est pas complet. Recommencez.")
    shown = None
    wrong = why_not(draft, _messages(request))
    if not wrong:
        shown = await _preview(request, signed, draft)
        wrong = _not_as_shown(shown, form)
    if wrong:
        return await _form(request, signed, form, wrong, shown)
    async with wiring.store.transaction() as tx:
        people, quiet = shown.people if shown else 0, wiring.worker.rules.quiet
        jobs = await launch(tx, draft, signed.referent.id, token, people, quiet, now)
    await wiring.worker.ring(jobs or ())
    return _to(token, "already" if jobs is None else "launched")


@router.get("/{token}", response_class=HTMLResponse)
async def campaign(request: Request, signed: SignedIn, token: Token, said: str = "") -> Response:
    wiring = request.app.state.wiring
    one = campaign_line(await _seen(request, signed, token), signed.referent, wiring)
    return page(request, "workspace/campaign.html", signed, one=one, said=SAID.get(said, ""))


@router.post("/{token}/stop")
async def stop(request: Request, signed: SignedIn, token: Token) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    found = await _seen(request, signed, token)
    async with wiring.store.transaction() as tx:
        done = await tx.stop_campaign(found.campaign.id, signed.referent.id, wiring.clock.now())
    return _to(token, "stopped" if done else "stopped-already")


async def _seen(request: Request, signed: Signed, token: str) -> CampaignRow:
    """Raises 404 when there is none of this name, or when it is not hers to see."""
    async with request.app.state.wiring.store.transaction() as tx:
        found: CampaignRow | None = await tx.campaign_seen_by(signed.referent.id, token)
    if found is None:
        raise HTTPException(404)
    return found


def _to(token: str, said: str) -> RedirectResponse:
    return RedirectResponse(f"/workspace/campaigns/{token}?said={said}", 303)


def _messages(request: Request) -> set[str]:
    return {name for name, _ in request.app.state.wiring.words.campaign_messages()}


def _draft(form: Mapping[str, str], signed: Signed) -> Draft:
    """What the form holds. Values that nobody has any more stay: without them the message would go to more people."""
    mine = not (signed.referent.leads and form.get("scope") == "team")
    audience = Audience(mine, _ticked(form, "commune"), _ticked(form, "audience"), _ticked(form, "language"))
    return Draft(audience, form.get("response", ""), form.get("text", ""))


def _ticked(form: Mapping[str, str], name: str) -> Sequence[str]:
    """The boxes `commune.Niort`…: a repeated field would keep its last value alone."""
    return tuple(cleaned(field.removeprefix(f"{name}.")) for field in form if field.startswith(f"{name}."))


async def _preview(request: Request, signed: Signed, draft: Draft) -> Preview:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        groups = await tx.count_audience(signed.referent.id, draft.audience)
    today = wiring.clock.now().astimezone(wiring.timezone).date().isoformat()
    return previewed(wiring.words, draft, groups, today)


def _not_as_shown(shown: Preview, form: Mapping[str, str]) -> str:
    if not shown.people:
        return "nobody"
    if form.get("seen") != str(shown.people):
        return "changed"
    return "heavy" if shown.heavy and form.get("anyway") != "yes" else ""


async def _form(
    request: Request, signed: Signed, form: Mapping[str, str], wrong: str = "", shown: Preview | None = None
) -> HTMLResponse:
    """`wrong`: what keeps it from leaving; `shown`: the preview, above the form."""
    wiring, me = request.app.state.wiring, signed.referent
    async with wiring.store.transaction() as tx:
        hers = await tx.audience_choices(me.id, mine=True)
        everybody = await tx.audience_choices(me.id, mine=False) if me.leads else hers
    scope = form.get("scope") or ("mine" if hers.people else "team")
    token = form.get("token", "")
    lines: dict[str, Any] = preview_lines(shown, _draft(form, signed), wiring) if shown else {}
    return page(
        request, "workspace/campaign_new.html", signed, form=form, preview=lines,
        token=token if TOKEN.fullmatch(token) else secrets.token_hex(16),
        wrong={FIELDS.get(wrong, "response"): REFUSED[wrong]} if wrong else {}, scope=scope, mine=hers.people, team=everybody.people, options=options(everybody, form),
        messages=_grouped(wiring.words.campaign_messages()),
    )  # fmt: skip


def _grouped(messages: Sequence[tuple[str, str]]) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Those made for this first, then the answers of the service."""
    answers = [one for one in messages if one[0].startswith("utter_faq/")]
    made = [one for one in messages if one not in answers]
    both = (("Messages à plusieurs", made), ("Réponses du service", answers))
    return [(title, group) for title, group in both if group]
