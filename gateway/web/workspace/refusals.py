"""What a referent reads when something is refused, or is not there."""

from fastapi import Request
from fastapi.responses import HTMLResponse

NOT_FOUND = "Cette page n'existe pas, ou n'est pas pour vous."


def sorry(request: Request, status: int, sentence: str) -> HTMLResponse:
    """A page of one sentence, with the way back."""
    answer: HTMLResponse = request.app.state.wiring.pages.TemplateResponse(
        request, "workspace/sorry.html", {"sentence": sentence}, status, headers={"Cache-Control": "no-store"}
    )
    return answer


def wants_page(request: Request) -> bool:
    """False for htmx, which shows nothing of a refusal."""
    inside = request.url.path == "/workspace" or request.url.path.startswith("/workspace/")
    return inside and "text/html" in request.headers.get("accept", "text/html")
