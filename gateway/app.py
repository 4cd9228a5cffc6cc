"""Putting the parts together: settings in, a running application out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from rasa_sdk.executor import ActionExecutor
from taskiq.api import run_receiver_task

from bot.actions.handover import actions
from gateway.adapters.announcing import Announcer
from gateway.adapters.caldav import CalDav
from gateway.adapters.clock import MovableClock, SystemClock
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.database.diary import DatabaseDiary
from gateway.adapters.database.engine import is_full, migrate, open_engine
from gateway.adapters.database.records import DatabaseRecords
from gateway.adapters.database.services import DatabaseServices
from gateway.adapters.database.standing import room
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.holidays import french_holidays
from gateway.adapters.icalendar_text import feed
from gateway.adapters.langid import LanguageByWords
from gateway.adapters.limits import MemoryLimits, open_limits
from gateway.adapters.mail import SimulatedMailbox, SmtpMailer
from gateway.adapters.nudge_files import read_nudges
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
from gateway.domain.pace import PaceLimits
from gateway.domain.quiet import QuietHours
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings
from gateway.simulator.carrier import StandInCarrier, carrier_routes
from gateway.simulator.routes import router as simulator_router
from gateway.usecases.matters import NudgeRules
from gateway.usecases.watching import Watch
from gateway.waves import Waves
from gateway.web import calendar, chat, health, rasa_actions, rdv_service_public, sms, voice
from gateway.web.failures import explain_failures
from gateway.web.hub import Hub
from gateway.web.security import BodyLimit, SecurityHeaders
from gateway.web.workspace import router as workspace_router
from gateway.worker import Worker

WEB = Path(__file__).parent / "web"
STOPPING = 10.0  # seconds for turns that were begun, when a process stops


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
    limits: MemoryLimits = field(kw_only=True)
    announcer: Announcer | None = field(default=None, kw_only=True)

    @cached_property
    def watch(self) -> Watch:
        return Watch(
            self.store, lambda: self.assistant.ready(), lambda: room(self.settings.database), self.clock,
            self.worker.rules.quiet,
        )  # fmt: skip

    async def close(self) -> None:
        if self.stand_in:
            await self.stand_in.close()
        if self.proconnect:
            await self.proconnect.close()
        if self.announcer:
            await self.announcer.close()
        await self.limits.close()
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
    announcer = Announcer(settings.redis_url) if settings.redis_url else None
    appointments_elsewhere = rdv_service_public_of(settings)
    zone, obstacles = ZoneInfo(settings.timezone), read_obstacles(ROOT / "bot" / "obstacles.yml")

    def holidays(years: Sequence[int]) -> frozenset[date]:
        return french_holidays(years, settings.departement)

    rules = NudgeRules(
        read_nudges(ROOT, settings.departement),
        QuietHours.read(settings.quiet_hours, zone, lambda day: day in holidays((day.year,))),
        obstacles, settings.control_share,
    )  # fmt: skip
    worker = Worker(
        store=store, words=words, territory=read_territory(ROOT, settings.departement), rules=rules,
        obstacles=obstacles, services=DatabaseServices(store), assistant=assistant, guesser=LanguageByWords(), carrier=carrier,
        calendars=CalDav(clock, ZoneInfo(settings.timezone), settings.public, private=settings.simulator or settings.private_calendars),
        mailer=mailer, clock=clock, team=settings.callback_email, timezone=settings.timezone,
        on_answer=announcer.tell if announcer else hub.tell, kept_days=settings.kept_days, records=DatabaseRecords(store),
        invitations=appointments_elsewhere, diary=DatabaseDiary(store, zone, holidays),
        limits=PaceLimits(settings.messages_a_minute, settings.messages_a_day, settings.loop_turns),
    )  # fmt: skip
    worker.waves = Waves(
        store, words, carrier, clock, rules, settings.callback_email, settings.twilio_sender, settings.send_rate,
        worker.diary, worker.territory, worker.ring,
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
        proconnect=proconnect_of(settings), rdv_service_public=appointments_elsewhere, announcer=announcer,
        limits=open_limits(settings.redis_url, store.cipher.index),
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
    alone = wiring.settings.simulator or wiring.settings.database.startswith("sqlite")
    if embedded and alone:
        async with wiring.store.transaction() as tx:
            await tx.release_all()
    broker = wiring.queue.broker
    broker.is_worker_process = work and not embedded
    await broker.startup()
    tasks: list[asyncio.Task[None]] = []
    if work:
        tasks.append(asyncio.create_task(wiring.worker.sweep_forever()))
        tasks.append(asyncio.create_task(wiring.worker.nudge_forever()))
    if work and not embedded:
        tasks.append(asyncio.create_task(run_receiver_task(broker)))
    if wiring.announcer:
        tasks.append(asyncio.create_task(wiring.announcer.listen_forever(wiring.hub.tell)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not wiring.settings.simulator:
            await wiring.queue.settled(STOPPING)
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
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, public=wiring.settings.public)
    app.mount("/static", StaticFiles(directory=WEB / "static"), name="static")

    @app.get("/", response_class=HTMLResponse)
    async def home(request: Request) -> Response:
        context = {"lang": "fr", "dir": "ltr", "simulator": wiring.stand_in is not None}
        return wiring.pages.TemplateResponse(request, "home.html", context)

    explain_failures(app, wiring, is_full)
    return app
