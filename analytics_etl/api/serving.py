"""What the routes share: who may ask, what is remembered, and the parameters that every reading route has."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, ClassVar, TypeVar

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection
from starlette.responses import Response

from analytics_etl.api import problems
from analytics_etl.api.access import Access, Identity
from analytics_etl.api.answers import MEDIA_TYPES, Answer, Form, respond
from analytics_etl.api.live.hub import Hub
from analytics_etl.api.periods import Days
from analytics_etl.api.problems import Problem
from analytics_etl.api.versions import Memory, Remembered, Versions
from analytics_etl.config.settings import Settings
from analytics_etl.families.queries import Page
from analytics_etl.families.queries.keyset import Key
from analytics_etl.ops.versions import progress
from analytics_etl.pipeline.posting import Posting
from analytics_etl.postgres.database import Database

Argument = TypeVar("Argument")
Answered = TypeVar("Answered")

STATEMENT_SECONDS = 5.0
"""Time a statement of a request may take."""
_SECONDS_FRESH = 0.9
"""Time that tokens and versions are asked for without a thread; less than they are known, so that nobody waits."""

Wanted = Annotated[Form | None, Query(description="The form of the answer; without it the header Accept says which.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Rows of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=4_000, description="`next_cursor` of the page before: the rows after it.")
]


@dataclass(frozen=True)
class Serving:
    """What the routes of one application share."""

    settings: Settings
    access: Access
    versions: Versions
    memory: Memory
    posting: Posting
    hub: Hub

    @classmethod
    def of(cls, request: HTTPConnection) -> "Serving":
        found = request.app.state.serving
        assert isinstance(found, cls)
        return found


class Asked:
    """What a request for rows has: a database that answers within its time, and the form of the answer."""

    def __init__(
        self, request: Request,
        format: Wanted = None,  # noqa: A002 - the parameter's name
    ) -> None:  # fmt: skip
        serving = Serving.of(request)
        self.settings = serving.settings
        tenant_id = request.state.identity.tenant_id
        self.database = Database(serving.settings, seconds=STATEMENT_SECONDS, tenant_id=tenant_id)
        self.form: Form = format or _accepted(request.headers.get("accept", ""))

    def respond(self, answer: Answer) -> Response:
        """An answer in the form that was asked for."""
        return respond(answer, self.form)

    def about(self, tables: Sequence[str], first: date, last: date, answer: Answer) -> Response:
        """An answer about the days first to last of some tables, with how far these have come."""
        newest, is_final = self.database.run(progress, tables, first, last)
        return self.respond(replace(answer, newest_day=newest, is_final=is_final))

    def page(
        self, page: Page, tables: Sequence[str], days: Days | None = None, renamed: Mapping[str, str] | None = None,
        columns: Sequence[str] = (),
    ) -> Response:  # fmt: skip
        """A page of rows about some days of some tables; `renamed` are their columns, {name: name in the answer}."""
        rows, columns = page.rows, columns or (list(page.rows[0]) if page.rows else ())
        if renamed is not None:
            rows, columns = [{new: row[old] for old, new in renamed.items()} for row in rows], list(renamed.values())
        answer = Answer(rows, columns=columns, coverage=page.coverage, next_cursor=page.next)
        first, last = (date.min, date.max) if days is None else (days.first, days.last)
        return self.about(tables, first, last, answer)


_POSITION = Key({"position": int})


class AskedWhole(Asked):
    """The same for an answer that is computed as a whole: its rows in pages, all in one unless fewer are wanted."""

    def __init__(
        self, request: Request,
        format: Wanted = None,  # noqa: A002 - the parameter's name
        limit: Limit = 10_000, cursor: Cursor = None,
    ) -> None:  # fmt: skip
        super().__init__(request, format)
        self._limit, self._after = limit, int(_POSITION.parameters(cursor, limit)["after_position"])

    def respond(self, answer: Answer) -> Response:
        """The page of the rows after the cursor."""
        later = [(number, row) for number, row in enumerate(answer.rows, 1) if number > self._after]
        page = _POSITION.page([{"position": number} for number, _ in later], self._limit)
        rows = [row for _, row in later[: self._limit]]
        return super().respond(replace(answer, rows=rows, next_cursor=page.next))


class AskedNewest(AskedWhole):
    """The same, of which few rows are wanted as a rule."""

    def __init__(
        self, request: Request,
        format: Wanted = None,  # noqa: A002 - the parameter's name
        limit: Limit = 10, cursor: Cursor = None,
    ) -> None:  # fmt: skip
        super().__init__(request, format, limit, cursor)


class Route(APIRoute):
    """Says who asks, counts the request, refuses unknown parameters, and answers again what it knows."""

    right: ClassVar[str] = "read"
    family: ClassVar[str | None] = None
    """Family whose tables the answers are made of; None = an answer is not remembered."""
    is_of_tenants: ClassVar[bool] = False
    """Whether the token of a tenant may ask, since the route sees to it that it gets no further."""

    @staticmethod
    def authorization(request: Request) -> str | None:
        """What a request says about who asks."""
        return request.headers.get("authorization")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = _parameters(self.dependant)

        async def answered(request: Request) -> Response:
            serving = Serving.of(request)
            identity = await _at_once(serving.access, serving.access.identify, self.authorization(request))
            headers = serving.access.check_rate(identity)
            self._check_right(identity)
            _check_parameters(request, known)
            request.state.identity = identity
            if self.family is None:
                response = await handle(request)
                response.headers.setdefault("Cache-Control", "no-store")
            else:
                version = await _at_once(serving.versions, serving.versions.of, self.family)
                response = await _remembered(serving, request, f"{version} {identity.tenant_id!r}", handle)
            response.headers.update(headers)
            return response

        return answered

    def _check_right(self, identity: Identity) -> None:
        if not identity.may(self.right):
            raise Problem(403, f"the role {identity.role} may not {self.right} here")
        if identity.tenant_id is not None and not self.is_of_tenants:
            raise Problem(403, "these rows are of no tenant: a token of the platform is needed")


def router(
    prefix: str, tag: str, family: str | None = None, *, is_of_tenants: bool = False, right: str = "read"
) -> APIRouter:
    """A router of routes that need a right, about tables of a family; a tenant may, if all of these have tenants."""
    kind = type("FamilyRoute", (Route,), {"family": family, "is_of_tenants": is_of_tenants, "right": right})
    statuses = problems.documented(401, 403, 422, 429, 503, 504)
    return APIRouter(prefix=prefix, tags=[tag], route_class=kind, responses=statuses)


class PostingRoute(Route):
    """A route that takes records."""

    right = "post"
    is_of_tenants = True


async def _at_once(known: Access | Versions, ask: Callable[[Argument], Answered], argument: Argument) -> Answered:
    """Ask what is known here and now; where the database must be asked, do it on a thread that is kept for that.

    An answer that is remembered waits for no thread: all of them may be busy with answers that must be computed.
    """
    if known.is_fresh(_SECONDS_FRESH):
        return ask(argument)
    return await anyio.to_thread.run_sync(ask, argument, limiter=known.limiter)


async def _remembered(
    serving: Serving, request: Request, version: str,
    handle: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Response:  # fmt: skip
    """The answer of this version: 304 if the client has it, else as it is remembered, else computed."""
    query = sorted(request.query_params.multi_items())
    form = request.query_params.get("format") or _accepted(request.headers.get("accept", ""))
    key = f"{version} {request.url.path} {query} {form}"
    tag = f'W/"{sha256(key.encode()).hexdigest()[:32]}"'
    fresh = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization"}
    if (known := serving.memory.get(key)) is not None:
        if _has(request, tag):
            return Response(None, 304, {**fresh, "X-Cache": "HIT"})
        return Response(known.body, 200, {**known.headers, **fresh, "X-Cache": "HIT"})
    if _has(request, tag):  # only this version of this answer has the tag, whoever computed it
        return Response(None, 304, {**fresh, "X-Cache": "MISS"})
    response = await handle(request)
    if response.status_code == 200:  # noqa: PLR2004
        serving.memory.put(key, Remembered(bytes(response.body), dict(response.headers)))
        response.headers.update({**fresh, "X-Cache": "MISS"})
    return response


def _has(request: Request, tag: str) -> bool:
    """Whether the client has the answer with this tag."""
    given = request.headers.get("if-none-match", "")
    return tag.removeprefix("W/") in (part.strip().removeprefix("W/") for part in given.split(","))


def _parameters(dependant: Dependant) -> set[str]:
    """The names of the query parameters of a route and of what it depends on."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_parameters(inner) for inner in dependant.dependencies))


def _check_parameters(request: Request, known: set[str]) -> None:
    """Refuse a parameter that the route does not have, and one that is given twice."""
    given = [name for name, _ in request.query_params.multi_items()]
    wrong = {name: f"there is no such parameter; expected some of {', '.join(sorted(known))}"
             for name in given if name not in known}  # fmt: skip
    wrong |= {name: "is given more than once" for name in given if given.count(name) > 1 and name in known}
    if wrong:
        errors = [{"where": f"query.{name}", "reason": reason} for name, reason in wrong.items()]
        raise Problem(422, "; ".join(f"{name}: {reason}" for name, reason in wrong.items()), errors=errors)


def _accepted(header: str) -> Form:
    """The first form that a header Accept names; JSON if it names none of ours."""
    wanted = [part.partition(";")[0].strip().lower() for part in header.split(",")]
    named: Mapping[str, Form] = {media_type: form for form, media_type in MEDIA_TYPES.items()}
    return next((named[media_type] for media_type in wanted if media_type in named), "json")
