"""Putting the parts together: settings in, a running application out."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from rasa_sdk.executor import ActionExecutor
from taskiq.api import run_receiver_task

from bot.actions.handover import actions
from gateway.adapters.clock import MovableClock, SystemClock
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.database.engine import is_full, migrate, open_engine
from gateway.adapters.database.services import DatabaseServices
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.langid import LanguageByWords
from gateway.adapters.mail import SimulatedMailbox, SmtpMailer
from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.phone import spoken
from gateway.adapters.queue import TaskiqQueue, open_broker
from gateway.adapters.rasa import RasaAssistant
from gateway.adapters.territory_files import read_territory
from gateway.adapters.twilio import TwilioCarrier, TwilioSignature
from gateway.errors import Refused
from gateway.settings import ROOT, Settings
from gateway.simulator.carrier import StandInCarrier, carrier_routes
from gateway.simulator.routes import router as simulator_router
from gateway.web import chat, health, rasa_actions, sms, voice
from gateway.web.hub import Hub
from gateway.web.security import HEADERS, SecurityHeaders
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

    async def close(self) -> None:
        if self.stand_in:
            await self.stand_in.close()
        await self.carrier.close()
        await self.assistant.close()
        await self.store.engine.dispose()


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
        mailer: Any = SmtpMailer(settings.smtp_url, settings.mail_from, clock, settings.public)
    else:
        mailer = mailbox = SimulatedMailbox(
            settings.var / "simulator" / "mails.jsonl", clock, settings.public
        )
    store = DatabaseStore(open_engine(settings.database), Cipher(settings.secret_keys.get_secret_value()))
    words = ContentFiles(ROOT, {"service": settings.service_name, "number": spoken(settings.number)})
    assistant = RasaAssistant(settings.rasa_urls)
    carrier = TwilioCarrier(
        settings.twilio_account_sid, token, settings.twilio_sender, f"{settings.public}/sms/status",
        settings.twilio_api_url or (f"{local}/simulator/carrier" if settings.simulator else ""),
        settings.twilio_timeout,
    )  # fmt: skip
    hub = Hub()
    worker = Worker(
        store=store, words=words, territory=read_territory(ROOT, settings.departement),
        obstacles=read_obstacles(ROOT / "bot" / "obstacles.yml"), services=DatabaseServices(store), assistant=assistant, guesser=LanguageByWords(), carrier=carrier,
        mailer=mailer, clock=clock, team=settings.callback_email, timezone=settings.timezone,
        on_answer=hub.tell, questions_kept_days=settings.questions_kept_days,
    )  # fmt: skip
    worker.queue = queue = TaskiqQueue(open_broker(settings.redis_url), worker.do)
    executor = ActionExecutor()
    for action in actions(store, clock, settings.callback_email, worker.ring):
        executor.register_action(action)
    return Wiring(
        settings, store, words, assistant, clock, carrier,
        TwilioSignature(token, settings.public), worker, queue, hub, executor,
        Jinja2Templates(WEB / "templates"), ZoneInfo(settings.timezone), mailbox, stand_in,
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
    for router in (sms.router, voice.router, chat.router, health.router, rasa_actions.router):
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
        return JSONResponse({"error": type(why).__name__, "detail": str(why)}, why.status)

    @app.exception_handler(Exception)
    async def failed(_request: Request, failure: Exception) -> Response:
        detail = "Le disque est plein." if is_full(failure) else "Le service ne répond pas. Réessayez."
        # This handler stands outside the middleware: it adds the headers itself.
        return JSONResponse({"error": "Failure", "detail": detail}, 503, headers=HEADERS)

    return app
