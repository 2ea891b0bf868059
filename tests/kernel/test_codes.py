"""Codes of errors and of rules of order: one each, and never another one."""

import pickle
import warnings

import omnitron
from omnitron import OmnitronError, PolicyWarning, RateLimited, flow, testing
from omnitron.algebra.orders import RULES

GIVEN = {
    "OmnitronError": "OMN000",
    "DefinitionError": "OMN100",
    "InvalidValue": "OMN101",
    "MissingExtra": "OMN102",
    "MissingPart": "OMN103",
    "MissingKey": "OMN201",
    "MissingNeed": "OMN202",
    "MissingCapability": "OMN203",
    "NoRun": "OMN204",
    "RunCancelled": "OMN205",
    "DeadlineExceeded": "OMN206",
    "TimedOut": "OMN301",
    "RateLimited": "OMN302",
    "BulkheadFull": "OMN303",
    "CircuitOpen": "OMN304",
    "BatchError": "OMN305",
    "SelfWait": "OMN306",
    "NoMatch": "OMN401",
    "LimitReached": "OMN402",
    "NotEnough": "OMN403",
    "Unpicklable": "OMN501",
    "RemoteError": "OMN502",
    "WorkerLost": "OMN503",
    "WorkerStartFailed": "OMN504",
    "ExamplesFailed": "OMN601",
    "InvariantBroken": "OMN602",
    "Deadlock": "OMN603",
    "PolicyWarning": "OMN700",
    "order-retry-in-retry": "OMN701",
    "order-retry-around-hedge": "OMN702",
    "order-retry-around-kept-errors": "OMN703",
    "order-timeout-around-waits": "OMN704",
    "order-timeout-around-attempt": "OMN705",
    "order-each-below-batch": "OMN706",
    "order-stream-below-batch": "OMN707",
    "order-cache-in-batch": "OMN708",
    "order-rate-limit-around-cache": "OMN709",
    "order-rate-limit-around-retry": "OMN710",
    "order-bulkhead-around-cache": "OMN711",
    "order-bulkhead-around-batch": "OMN712",
    "order-circuit-breaker-around-cache": "OMN713",
    "order-hedge-around-cache": "OMN714",
}
"""What was given once. Lines are added here, and none is changed or taken out: users search for codes and alarm on them."""


def public_errors():
    """Give the classes of errors and warnings of the public rooms, by name."""
    things = {name: getattr(room, name) for room in (omnitron, testing) for name in room.__all__}
    return {
        name: thing
        for name, thing in things.items()
        if isinstance(thing, type) and issubclass(thing, (OmnitronError, PolicyWarning))
    }


def test_codes_stay():
    """Each public error and each rule has the code that it was given, and the list has no other."""
    codes = {name: kind.code for name, kind in public_errors().items()} | {rule.code: rule.number for rule in RULES}
    assert codes == GIVEN


def test_no_code_is_given_twice():
    """Not to a class and to its base either."""
    assert len(set(GIVEN.values())) == len(GIVEN)


def test_every_public_error_names_its_own():
    """None has merely that of its base."""
    inherited = [name for name, kind in public_errors().items() if "code" not in vars(kind)]
    assert inherited == []


def test_a_class_of_a_user_has_the_code_of_its_base_or_its_own():
    """By a keyword of the class."""

    class Plain(RateLimited):
        pass

    class Own(OmnitronError, ValueError, code="SHOP1"):
        pass

    assert (Plain.code, Own.code, OmnitronError.code) == ("OMN302", "SHOP1", "OMN000")


def test_the_code_is_of_the_class_and_not_in_the_text():
    """It survives a pickle, which does not carry it."""
    error = pickle.loads(pickle.dumps(RateLimited("price", "2 times in 1 s", 0.5, "it may not wait")))
    assert (error.code, error.code in str(error)) == ("OMN302", False)


def test_a_warning_ends_with_the_number_of_its_rule():
    """And begins with its name, which filters look at."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        flow(lambda x: x, name="f").retry().retry()
    text = str(told[0].message)
    assert (text.split(":")[0], text.split()[-1]) == ("order-retry-in-retry", "(OMN701)")
