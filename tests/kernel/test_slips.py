"""Common slips of who is new here: each error says what to write instead."""

import pytest

from omnitron import DefinitionError, context, fallback, flow, parallel, sequence


@flow
def price(sku: str) -> float:
    return 9.5


@pytest.mark.parametrize("combine", [parallel, sequence, fallback])
@pytest.mark.parametrize("several", [list, tuple])
def test_a_list_of_flows_is_to_be_unpacked(combine, several):
    """Combinators take flows one by one."""
    with pytest.raises(DefinitionError, match=r"Unpack it: `\*flows`"):
        combine(several([price, price]))


@pytest.mark.parametrize("use", [flow, context().run, lambda result: sequence(price, result)])
def test_a_call_is_no_flow(use):
    """Its result was given, where the function belongs."""
    with pytest.raises(DefinitionError, match=r"got 9\.5 \(float\)\. Give the function itself, and do not call it"):
        use(price("tea"))


def test_a_call_among_branches_is_told():
    """As it is everywhere."""
    with pytest.raises(DefinitionError, match=r"parallel takes flows, got 9\.5 \(float\)\. .* do not call it"):
        parallel(price, price("tea"))


def test_a_slip_in_an_option_of_flow_is_told():
    """The name of a flow is no field of its metadata, and stands beside them."""
    with pytest.raises(DefinitionError, match=r"no field 'nam'.* Near is name\."):
        flow(nam="x")
    with pytest.raises(DefinitionError, match=r"no field 'versio'.* Near is version\."):
        price.with_meta(versio="1")
    with pytest.raises(DefinitionError, match=r"no field 'nam'; .* deployment\.$"):
        price.with_meta(nam="x")


def test_capabilities_that_are_no_names_are_refused():
    """A number is no set."""
    with pytest.raises(DefinitionError, match=r"`capabilities` takes a set of names, got 3\. Write"):
        context(capabilities=3)


@pytest.mark.parametrize("method", ["retry", "cache", "batch", "each", "named", "stream"])
def test_an_argument_that_a_method_does_not_have_is_told_of_the_flow(method):
    """And not of a class that nobody knows."""
    with pytest.raises(TypeError, match=rf"^Flow\.{method}\(\) got an unexpected keyword argument 'tries'"):
        getattr(flow(len), method)(tries=3)
