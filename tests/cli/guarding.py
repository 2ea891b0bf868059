"""Flows that take, hold and give secrets, which the tests of the command line run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from omnitron import Failure, FlowExample, Key, Secret, flow, needs
from tests.planting import PLANTED

token = Key("token", Secret[str])
pin = Key("pin", Secret[int] | None)


@dataclass
class Login:
    name: str
    token: Secret[str]


class Account(BaseModel):
    token: Secret[str]
    age: int = 0


@flow(examples=[FlowExample(Secret(PLANTED), {"a": Secret(PLANTED)})])
def echo(token: Secret[str] = Secret(PLANTED)) -> dict[str, Any]:  # noqa: B008 - it is immutable
    """Give what it was given in every form."""
    given = token
    login = Login("me", given)
    return {"plain": given, "login": login, "account": Account(token=given), "list": [given], given: {1: given}}


@flow
def logins(token: Secret[str]) -> list[Login]:
    return [Login("me", token), Login("you", token)]


@flow
def outcomes(token: Secret[str]) -> list[Any]:
    return [Failure(ValueError(token), token, "a/b")]


@flow
def keyed(*, key: Secret[str] = needs(token)) -> Any:
    return [key]


@flow
def pinned(*, number: Secret[int] | None = needs(pin)) -> Any:
    return number


@flow
def fail(token: Secret[str]) -> Any:
    raise ValueError(token, "refused")


@flow
def count(number: Secret[int]) -> Any:
    return number


@flow
def enter(login: Login, account: Account | None = None) -> Any:
    return [login, account]


@flow
def table(rows: dict[Secret[str], int]) -> Any:
    return rows


@flow
def length(token: Secret[str]) -> int:
    return len(token.reveal())


@flow
def bare(token: Secret, kind: str = "") -> str:
    return f"{type(token.reveal()).__name__} {token!r}"


both = echo.bind(token=Secret(PLANTED)).named("both") | flow(list).named("values")
