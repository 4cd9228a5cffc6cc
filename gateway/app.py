"""Putting the parts together: settings in, a running application out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from rasa_sdk.executor import ActionExecutor
from starlette.exceptions import HTTPException
from taskiq.api import run_receiver_task

from bot.actions.handover import actions
from gateway.adapters.caldav import CalDav
from gateway.adapters.clock import MovableClock, SystemClock
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.database.diary import DatabaseDiary
from gateway.adapters.database.engine import is_full, migrate, open_engine
from gateway.adapters.database.services import DatabaseServices
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.holidays import french_holidays
from gateway.adapters.icalendar_text import feed
from gateway.adapters.langid import LanguageByWords
from gateway.adapters.mail import SimulatedMailbox, SmtpMailer
from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.phone import e164, spoken
from gateway.adapters.proconnect import ProConnect
from gateway.adapters.queue import TaskiqQueue, open_broker
from gateway.adapters.rasa import RasaAssistant
from gateway.adapters.rdv_service_public import RdvServicePublic
from gateway.adapters.rdv_service_public_events import EventReader
from gateway.adapters.territory_files import read_territory
from gateway.adapters.twilio import TwilioCarrier, TwilioSignature
from gateway.domain.appointment import Appointment
from gateway.errors import NotReady, Refused
from gateway.settings import ROOT, Settings
from gateway.simulator.carrier import StandInCarrier, carrier_routes
from gateway.simulator.routes import router as simulator_router
from gateway.web import calendar, chat, health, rasa_actions, rdv_service_public, sms, voice
from gateway.web.hub import Hub
from gateway.web.security import HEADERS, SecurityHeaders
from gateway.web.workspace import router as workspace_router
from gateway.web.workspace.refusals import NOT_FOUND, sorry, wants_page
from gateway.worker import Worker

WEB = Path(__file__).parent / "web"


@dataclass
class Wiring:
    """All the parts of one process. Routes read them from `app.state.wiring`."""

    settings: Settings
    store: DatabaseStore
    words: ContentFiles
    assistant: RasaAssistant
    clock: Any
    carrier: TwilioCarrier
    signature: TwilioSignature
    worker: Worker
    queue: TaskiqQueue
    hub: Hub
    actions: ActionExecutor
    pages: Jinja2Templates
    timezone: ZoneInfo
    mailbox: SimulatedMailbox | None = None
    stand_in: StandInCarrier | None = None
    demonstration_phones: list[dict[str, str]] = field(default_factory=list)
    proconnect: ProConnect | None = None
    calendar_feed: Callable[[Sequence[Appointment], datetime], bytes] = field(kw_only=True)
    rdv_service_public: RdvServicePublic = field(kw_only=True)

    async def close(self) -> None:
        if self.stand_in:
            await self.stand_in.close()
        if self.proconnect:
            await self.proconnect.close()
        await self.rdv_service_public.close()
        await self.carrier.close()
        await self.assistant.close()
        await self.store.engine.dispose()


def proconnect_of(settings: Settings) -> ProConnect | None:
    """Raises NotReady when it is half configured."""
    secret = settings.proconnect_client_secret.get_secret_value()
    if not settings.proconnect_url:
        return None
    if not settings.proconnect_client_id or not secret:
        raise NotReady("PROCONNECT_URL demande aussi PROCONNECT_CLIENT_ID et PROCONNECT_CLIENT_SECRET.")
    ours = f"{settings.public}/workspace/proconnect"
    return ProConnect(
        settings.proconnect_url, settings.proconnect_client_id, secret, f"{ours}/callback", f"{ours}/logout"
    )


def rdv_service_public_of(settings: Settings) -> RdvServicePublic:
    url = settings.rdv_service_public_url
    agent = settings.rdv_service_public_email, settings.rdv_service_public_password.get_secret_value()
    secret = settings.rdv_service_public_secret.get_secret_value()
    reader = EventReader(e164, ZoneInfo(settings.timezone), url)
    return RdvServicePublic(url, secret, agent, settings.departement, reader)


def build(settings: Settings) -> Wiring:
    """Every part, wired. Nothing is opened yet but files."""
    clock = MovableClock(settings.var / "clock.json") if settings.simulator else SystemClock()
    token = settings.twilio_auth_token.get_secret_value()
    local = f"http://127.0.0.1:{settings.port}"
    stand_in = None
    if settings.simulator:
        stand_in = StandInCarrier(
            settings.twilio_account_sid, token, settings.twilio_sender, settings.public, local, clock,
            record=settings.var / "simulator" / "carrier.jsonl",
        )  # fmt: skip
    mailbox = None
    if settings.smtp_url:
        mailer: Any = SmtpMailer(
            settings.smtp_url, settings.mail_from, clock, settings.public, ZoneInfo(settings.timezone)
        )
    else:
        mailer = mailbox = SimulatedMailbox(
            settings.var / "simulator" / "mails.jsonl", clock, settings.public, settings.mail_from,
            ZoneInfo(settings.timezone),
        )  # fmt: skip
    store = DatabaseStore(open_engine(settings.database), Cipher(settings.secret_keys.get_secret_value()))
    words = ContentFiles(
        ROOT,
        {"service": settings.service_name, "number": spoken(settings.number)},
        ZoneInfo(settings.timezone),
    )
    assistant = RasaAssistant(settings.rasa_urls)
    carrier = TwilioCarrier(
        settings.twilio_account_sid, token, settings.twilio_sender, f"{settings.public}/sms/status",
        settings.twilio_api_url or (f"{local}/simulator/carrier" if settings.simulator else ""),
        settings.twilio_timeout,
    )  # fmt: skip
    hub = Hub()
    appointments_elsewhere = rdv_service_public_of(settings)
    worker = Worker(
        store=store, words=words, territory=read_territory(ROOT, settings.departement),
        obstacles=read_obstacles(ROOT / "bot" / "obstacles.yml"), services=DatabaseServices(store), assistant=assistant, guesser=LanguageByWords(), carrier=carrier,
        calendars=CalDav(clock, ZoneInfo(settings.timezone), settings.public, private=settings.simulator or settings.private_calendars),
        mailer=mailer, clock=clock, team=settings.callback_email, timezone=settings.timezone,
        on_answer=hub.tell, questions_kept_days=settings.questions_kept_days, quiet_hours=settings.quiet_hours,
        invitations=appointments_elsewhere,
        diary=DatabaseDiary(
            store, ZoneInfo(settings.timezone), lambda years: french_holidays(years, settings.departement)
        ),
    )  # fmt: skip
    worker.queue = queue = TaskiqQueue(open_broker(settings.redis_url), worker.do)
    executor = ActionExecutor()
    for action in actions(store, clock, settings.callback_email, worker.ring):
        executor.register_action(action)
    return Wiring(
        settings, store, words, assistant, clock, carrier,
        TwilioSignature(token, settings.public), worker, queue, hub, executor,
        Jinja2Templates(WEB / "templates"), ZoneInfo(settings.timezone), mailbox, stand_in,
        calendar_feed=partial(feed, zone=ZoneInfo(settings.timezone), public=settings.public),
        proconnect=proconnect_of(settings), rdv_service_public=appointments_elsewhere,
    )  # fmt: skip


@asynccontextmanager
async def running(wiring: Wiring, work: bool | None = None) -> AsyncIterator[None]:
    """Opens the database and the queue, closes them whatever happens.

    `work`: this process also does the jobs. By default it does when there is no Redis to pass them
    to workers, and in the demonstration, which is one process.
    """
    embedded = not wiring.settings.redis_url
    if work is None:
        work = embedded or wiring.settings.simulator
    await migrate(wiring.store.engine)
    if embedded:
        async with wiring.store.transaction() as tx:
            await tx.release_all()
    broker = wiring.queue.broker
    broker.is_worker_process = work and not embedded
    await broker.startup()
    tasks: list[asyncio.Task[None]] = []
    if work:
        tasks.append(asyncio.create_task(wiring.worker.sweep_forever()))
    if work and not embedded:
        tasks.append(asyncio.create_task(run_receiver_task(broker)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await broker.shutdown()
        await wiring.close()


def create_app(wiring: Wiring) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(wiring):
            yield

    logging.getLogger("fastapi.telemetry").disabled = True  # it would log the text of exceptions
    app = FastAPI(title="Coup de pouce", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.wiring = wiring
    for router in (
        sms.router,
        voice.router,
        chat.router,
        health.router,
        rasa_actions.router,
        calendar.router,
        rdv_service_public.router,
        workspace_router,
    ):
        app.include_router(router)
    if wiring.stand_in:
        app.include_router(simulator_router)
        app.include_router(carrier_routes(wiring.stand_in), prefix="/simulator/carrier")
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=WEB / "static"), name="static")

    @app.get("/", response_class=HTMLResponse)
    async def home(request: Request) -> Response:
        context = {"lang": "fr", "dir": "ltr", "simulator": wiring.stand_in is not None}
        return wiring.pages.TemplateResponse(request, "home.html", context)

    _explain_failures(app, wiring)
    return app


def _explain_failures(app: FastAPI, wiring: Wiring) -> None:
    """To a program in JSON, to a person in a page."""

    @app.exception_handler(Refused)
    async def refused(request: Request, why: Refused) -> Response:
        if request.url.path.startswith("/chat") and "text/html" in request.headers.get("accept", ""):
            language = chat.page_language(request)
            context = {
                "lang": language,
                "dir": wiring.words.direction(language),
                "title": wiring.words.text("utter_web_title", language),
                "sentence": wiring.words.text("utter_web_reopen", language),
                "field": wiring.words.text("utter_web_field_label", language),
            }
            return wiring.pages.TemplateResponse(request, "refused.html", context, why.status)
        if wants_page(request):
            return sorry(request, why.status, str(why))
        return JSONResponse({"error": type(why).__name__, "detail": str(why)}, why.status)

    @app.exception_handler(HTTPException)
    async def told(request: Request, why: HTTPException) -> Response:
        if why.status_code in (403, 404) and wants_page(request):
            return sorry(request, why.status_code, NOT_FOUND)
        return await http_exception_handler(request, why)

    @app.exception_handler(RequestValidationError)
    async def senseless(request: Request, why: RequestValidationError) -> Response:
        """An address that no page of ours has, as `?before=abc`."""
        if request.url.path.startswith("/workspace"):
            return await told(request, HTTPException(404))
        return await request_validation_exception_handler(request, why)

    @app.exception_handler(Exception)
    async def failed(request: Request, failure: Exception) -> Response:
        detail = "Le disque est plein." if is_full(failure) else "Le service ne répond pas. Réessayez."
        # This handler stands outside the middleware: it adds the headers itself.
        if wants_page(request):
            answer = sorry(request, 503, detail)
            answer.headers.update(HEADERS)
            return answer
        return JSONResponse({"error": "Failure", "detail": detail}, 503, headers=HEADERS)
