"""Cookies that no script reads and no other site sends. By https they are also out of reach of the domain's other sites.

`__Host-` makes a browser refuse such a cookie from anybody but this very host: a sister site, or a network that
answers by http, can plant none.
"""

from fastapi import Request, Response

from gateway.web.security import is_secure


def cookie_of(request: Request, name: str) -> str:
    """Its value, "" without one."""
    return request.cookies.get(_name(request, name), "")


def keep_cookie(
    request: Request, answer: Response, name: str, value: str, *, path: str, seconds: int
) -> None:
    """`path`: where it is sent, when nothing hinders saying so."""
    secure = is_secure(request)
    answer.set_cookie(
        _name(request, name), value, max_age=seconds, path="/" if secure else path, httponly=True,
        samesite="lax", secure=secure,
    )  # fmt: skip


def drop_cookie(request: Request, answer: Response, name: str, *, path: str) -> None:
    secure = is_secure(request)
    answer.delete_cookie(
        _name(request, name), path="/" if secure else path, httponly=True, samesite="lax", secure=secure
    )


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if is_secure(request) else name
