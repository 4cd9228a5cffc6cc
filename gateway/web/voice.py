"""A voice call to the number: two sentences in each language, and "1" to be called back."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from twilio.twiml.voice_response import Gather, VoiceResponse

from gateway.domain.conversation import Channel
from gateway.errors import BadForm
from gateway.usecases.handover import ask_for_a_person
from gateway.web.sms import signed_form

router = APIRouter()

HIDDEN = {"+266696687", "+464"}  # "ANONYMOUS" and "ANON" typed on a keypad, as Twilio gives them

# Voices of Twilio's own list, one a language; Arabic and Ukrainian exist at Google's only.
VOICES = {
    "fr": ("fr-FR", "Polly.Lea-Neural"),
    "en": ("en-GB", "Polly.Amy-Neural"),
    "ar": ("ar-XA", "Google.ar-XA-Standard-A"),
    "uk": ("uk-UA", "Google.uk-UA-Standard-A"),
}


@router.post("/voice/inbound", responses={400: {}, 403: {}})
async def inbound(request: Request) -> Response:
    await signed_form(request)
    twiml = VoiceResponse()
    gather = Gather(num_digits=1, action="/voice/choice", method="POST", timeout=6)
    _say(gather, request, "utter_voice_greeting")
    twiml.append(gather)
    return Response(str(twiml), media_type="application/xml")


@router.post("/voice/choice", responses={400: {}, 403: {}})
async def choice(request: Request) -> Response:
    form = await signed_form(request)
    caller, call = form.get("From", ""), form.get("CallSid", "")
    if not caller or not call:
        raise BadForm("From et CallSid sont attendus")
    twiml = VoiceResponse()
    if form.get("Digits") == "1" and caller not in HIDDEN and caller.removeprefix("+").isdigit():
        await _note(request, caller[:40], call[:64])
        _say(twiml, request, "utter_voice_callback")
    elif form.get("Digits") == "1":  # a hidden number: nobody could call it back
        _say(twiml, request, "utter_voice_greeting")
    return Response(str(twiml), media_type="application/xml")


async def _note(request: Request, caller: str, call: str) -> None:
    wiring = request.app.state.wiring
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        conversation_id = await tx.conversation_at(Channel.SMS, caller, now)
        message_id = await tx.add_inbound(conversation_id, call, "", 0, "CALL", now)
        if message_id is None:
            return  # the same call, posted twice
        await tx.close_inbound(message_id, now)
        who = await tx.conversation(conversation_id, now)
        rings = await ask_for_a_person(tx, who, message_id, "asked", wiring.settings.callback_email, now)
    await wiring.worker.ring(rings)


def _say(to: VoiceResponse | Gather, request: Request, response: str) -> None:
    words = request.app.state.wiring.words
    for language, (locale, voice) in VOICES.items():
        to.say(words.text(response, language), language=locale, voice=voice)
