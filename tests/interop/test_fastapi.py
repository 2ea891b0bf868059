"""FastAPI and Starlette: a flow is an endpoint, a dependency, a background task, as it is."""

import asyncio
from typing import Annotated

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient as StarletteClient

from omnitron import Key, context, current_context, flow, needs
from tests.interop import shop

pytestmark = pytest.mark.filterwarnings("default")


def served(endpoint, path="/{x}", method="get"):
    """Give a client of an application with the one endpoint."""
    app = FastAPI()
    getattr(app, method)(path)(endpoint)
    return TestClient(app)


def operation(client, path="/{x}", method="get"):
    """Give what the OpenAPI schema says of the endpoint."""
    return client.get("/openapi.json").json()["paths"][path][method]


def schema_of_result(client, path="/{x}", method="get"):
    """Give the schema of the answer."""
    return operation(client, path, method)["responses"]["200"]["content"]["application/json"]["schema"]


# ------------------------------------------------------------------ endpoints


@pytest.mark.parametrize("made", shop.SYNC.values(), ids=shop.SYNC)
def test_a_sync_flow_is_an_endpoint(made):
    """Path and query parameters are read from its signature."""
    client = served(made)

    assert client.get("/3?times=2").json() == 12
    assert client.get("/3").json() == 6


@pytest.mark.parametrize("made", shop.ASYNC.values(), ids=shop.ASYNC)
def test_an_async_flow_is_an_endpoint(made):
    """It is awaited in the loop of the server, where its policies run."""
    client = served(made)

    assert client.get("/3?step=4").json() == 7


@pytest.mark.parametrize("made", [*shop.SYNC.values(), shop.moved, shop.mixed, shop.both, shop.chosen])
def test_what_does_not_validate_is_refused_with_422(made):
    """The annotations bind, also those of composed flows."""
    answer = served(made).get("/many")

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["path", "x"])


def test_a_body_is_read_into_the_model_of_the_annotation():
    """A parameter that is a model is the body, and the result is written by the model of the annotation."""
    client = served(shop.bill, "/bill", "post")

    assert client.post("/bill", json={"item": "tea", "count": 2}).json() == {"item": "tea", "total": 14}
    assert client.post("/bill", json={"count": 2}).status_code == 422


def test_the_openapi_schema_is_that_of_the_function():
    """Parameters, defaults, description and result stand in it as for the function."""
    plain, made = served(shop.double.fn), served(shop.double)

    assert operation(made) == operation(plain)
    assert operation(made)["description"] == "Double a number."


def test_the_result_of_a_composed_flow_is_in_the_openapi_schema():
    """A pipe gives what its last part gives, a parallel a tuple."""
    posted = served(shop.piped, "/total", "post")

    assert schema_of_result(posted, "/total", "post")["type"] == "integer"
    assert posted.post("/total", json={"item": "tea", "count": 3}).json() == 21
    assert len(schema_of_result(served(shop.both))["prefixItems"]) == 2


def test_composed_flows_are_endpoints():
    """A pipe of both colours, a parallel, a branch, a flow that runs in a thread."""
    made = (shop.mixed, shop.both, shop.chosen, shop.moved)

    assert [served(one).get("/20").json() for one in made] == [41, [40, 40], -20, 40]


def test_the_description_of_a_composed_flow_is_what_was_declared():
    """Nobody wrote a docstring for it."""
    described = shop.mixed.with_meta(description="Double, then add.")

    assert operation(served(described))["description"] == "Double, then add."


def test_a_method_of_an_object_is_an_endpoint():
    """`self` is no parameter."""
    client = served(shop.Till(5).price)

    assert client.get("/3").json() == 15
    assert [one["name"] for one in operation(client)["parameters"]] == ["x"]


def test_a_bound_parameter_is_no_parameter_of_the_endpoint():
    """What `.bind` fixed cannot be asked for."""
    client = served(shop.double.bind(times=3))

    assert client.get("/2?times=9").json() == 12
    assert [one["name"] for one in operation(client)["parameters"]] == ["x"]


def test_an_error_of_the_flow_is_the_servers():
    """An exception leaves as the user's own: an HTTPException is the answer that it says."""

    @flow
    def lost(x: int) -> int:
        raise HTTPException(404, "nothing here")

    answer = served(lost.retry(attempts=2, delay=0) | shop.later).get("/1")

    assert (answer.status_code, answer.json()) == (404, {"detail": "nothing here"})


def test_a_flow_that_gives_a_stream_is_streamed():
    """Of a generator function in either colour, under a policy, and mapped."""
    made = (shop.count, shop.count_later, shop.count_later.timeout(5), shop.count | shop.negate.stream())

    answers = [served(one, "/{upto}").get("/3") for one in made]

    assert [one.text.split() for one in answers] == [["0", "1", "2"]] * 3 + [["0", "-1", "-2"]]
    assert {one.headers["content-type"] for one in answers} == {"application/jsonl"}


# ------------------------------------------------------------------ needs


def test_what_the_context_fills_is_no_parameter():
    """A stranger cannot send what a flow needs of its context, and does not read of it."""
    app = FastAPI()

    @app.get("/{name}")
    async def enter(name: str, answer: Annotated[str, Depends(shop.greet)]):
        return answer

    with context(tenant="acme") as ctx:
        client = TestClient(app)
        answer = ctx.run(flow(lambda: client.get("/you?loud=1&who=evil").json()))

    assert answer == "acme greets you!"
    assert "who" not in str(operation(client, "/{name}"))


def test_a_middleware_runs_each_request_in_a_context():
    """An endpoint that needs something is filled from the run around it."""
    app = FastAPI()
    app.get("/{name}")(shop.greet)

    @app.middleware("http")
    async def enter(request, call_next):
        tenant = request.headers["x-tenant"]
        return await context(tenant=tenant).run(flow(call_next), request)

    with TestClient(app) as client:
        assert client.get("/you", headers={"x-tenant": "acme"}).json() == "acme greets you"


# ------------------------------------------------------------------ dependencies


def test_a_flow_is_a_dependency():
    """Its own parameters are read from the request, and its result is given to the endpoint, itself a flow."""

    @flow
    async def show(
        number: Annotated[int, Depends(shop.tried)],
        other: Annotated[int, Depends(shop.mixed)],
    ) -> list[int]:
        return [number, other]

    client = served(show, "/show")

    assert client.get("/show?x=4&times=2").json() == [16, 17]


def test_a_dependency_that_yields_is_closed_after_the_answer():
    """A flow of a generator function opens and closes, in both colours."""
    seen = []

    @flow
    def session():
        seen.append("open")
        yield "session"
        seen.append("closed")

    @flow
    async def lease():
        seen.append("lease")
        yield "lease"
        seen.append("returned")

    @flow
    def use(one: Annotated[str, Depends(session)], two: Annotated[str, Depends(lease)]) -> str:
        seen.append("used")
        return f"{one} {two}"

    assert served(use, "/use").get("/use").json() == "session lease"
    assert seen == ["open", "lease", "used", "returned", "closed"]


def test_a_pipe_after_a_generator_is_no_dependency_that_yields():
    """What reads the stream to its end gives a value."""
    counted = shop.count | sum

    async def show(number: Annotated[int, Depends(counted)]) -> int:
        return number

    assert served(show, "/show").get("/show?upto=4").json() == 6


def test_a_dependency_is_overridden_by_the_flow():
    """`dependency_overrides` finds a flow as it finds a function."""
    app = FastAPI()

    @app.get("/")
    async def show(number: Annotated[int, Depends(shop.tried)]) -> int:
        return number

    app.dependency_overrides[shop.tried] = flow(lambda: 99)

    assert TestClient(app).get("/").json() == 99


# ------------------------------------------------------------------ tasks, Starlette


def test_a_flow_is_a_background_task():
    """Both colours run after the answer, under FastAPI and under Starlette."""
    done = []

    @flow
    def note(text: str) -> None:
        done.append(text)

    @flow
    async def note_later(text: str) -> None:
        done.append(text)

    @flow
    def accept(tasks: BackgroundTasks) -> str:
        tasks.add_task(note.retry(attempts=2), "sync")
        tasks.add_task(note_later, "async")
        return "accepted"

    assert served(accept, "/accept").get("/accept").json() == "accepted"
    asyncio.run(BackgroundTask(flow(str.upper) | note_later, "starlette")())
    assert done == ["sync", "async", "STARLETTE"]


def test_a_flow_of_a_request_is_a_starlette_endpoint():
    """Sync ones run in Starlette's threads, async ones in its loop, a pipe too."""

    @flow
    def read(request: Request) -> int:
        return int(request.path_params["x"])

    @flow
    async def answer(number: int) -> JSONResponse:
        return JSONResponse(number)

    app = Starlette(routes=[Route("/sync/{x}", read | JSONResponse), Route("/async/{x}", read | shop.mixed | answer)])
    client = StarletteClient(app)

    assert (client.get("/sync/3").json(), client.get("/async/3").json()) == (3, 7)


def test_the_context_of_the_caller_is_seen_in_the_endpoint():
    """Where no run is around it, an endpoint sees the context that holds nothing."""
    key = Key("colour", str)

    @flow
    def seen(x: int) -> bool:
        return current_context().get(key, None) is None

    @flow
    def asked(x: int, *, colour: str = needs(key)) -> str:
        return colour

    assert served(seen).get("/1").json() is True
    assert served(asked.within(colour="red")).get("/1?colour=blue").json() == "red"
