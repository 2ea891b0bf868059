"""Flows as a configuration has them: what is set, what stands in the place of parts, what is refused."""

import asyncio
import gc
import os
import threading
import weakref
from collections import Counter

import pytest

from omnitron import (
    Config,
    DefinitionError,
    EventLog,
    InvalidValue,
    MissingNeed,
    context,
    current_context,
    flow,
    gather,
    parallel,
    walk,
)
from omnitron.algebra import Node, from_node, tune

from . import tuned

HERE = "tests.kernel.tuned"


def apply(subject, settings):
    """Give a flow as settings have it."""
    return Config(settings).apply(subject)


def by_variables(**variables):
    """Give the configuration of variables, without their prefix."""
    return Config.read(environ={f"OMNITRON_FLOWS__{name}": value for name, value in variables.items()})


def details(subject):
    """Give the kinds of a tree with their options."""
    return [(node.kind, node.detail()) for _, node in walk(subject) if node.detail()]


# ---- values of fields


def test_a_loop_over_items_is_tuned():
    """Its place is the static path."""
    assert details(apply(tuned.intake, {"intake/each": {"concurrency": 8}})) == [
        ("each", "concurrency=8"),
        ("on", "'thread'"),
    ]


def test_threads_of_parallel_and_gather_are_tuned():
    """So are those of an `.each` over a sync flow."""
    tree = (parallel(tuned.weigh) | gather(dict, x=flow(len)) | flow(str).each()).named("all")
    settings = {"all/parallel": {"threads": 2}, "all/gather": {"threads": 3}, "all/each": {"threads": 4}}

    assert details(apply(tree, settings)) == [
        ("parallel", "threads=2"),
        ("gather", "dict: x, threads=3"),
        ("each", "threads=4"),
    ]


def test_a_stream_is_tuned():
    """As a loop over items is."""
    tree = tuned.weigh.stream().named("weights")

    assert list(apply(tree, {"weights": {"threads": 2}})([1, 2])) == [1, 2]
    assert details(apply(tuned.price.stream(), {"stream": {"concurrency": 2}})) == [("stream", "concurrency=2")]


def test_turns_of_a_loop_are_tuned():
    """The result is that of fewer turns."""
    assert tuned.halves(100) == 12
    assert apply(tuned.halves, {"halves": {"at_most": 1}})(100) == 50


def test_a_place_is_that_of_the_part_beneath_it():
    """`.on` has no path of its own."""
    moved = apply(tuned.intake, {"intake/total": {"place": "local"}})

    assert details(moved) == [("on", "'local'")]
    assert asyncio.run(moved("1,2")) == 6


def test_a_place_around_a_pipe_is_that_of_what_the_pipe_belongs_to():
    """A pipe without a name has no place."""
    tree = (tuned.parse | (tuned.total | tuned.weigh).on("thread")).named("job")

    assert details(apply(tree, {"job": {"place": "process"}})) == [("on", "'process'")]
    assert details(apply(tuned.weigh.on("thread"), {"weigh": {"place": "process"}})) == [("on", "'process'")]
    tree = tuned.weigh.undo(tuned.rate).on("thread").within(tenant="a")
    assert details(apply(tree, {"weigh": {"place": "local"}}))[1] == ("on", "'local'")


def test_a_node_from_elsewhere_declares_what_can_be_set():
    """A function makes the field's value, of a text as of a TOML value."""

    class Wait(Node):
        __slots__ = ("body", "seconds", "eager", "unit")
        kind = "wait"
        tunable = {"seconds": float, "eager": bool, "unit": lambda value: {"s": 1, "min": 60}[value]}

        def emit(self, w, args, target):
            w.pass_on(self.body, args, target)

    def fields(config):
        node = config.apply(tree).node
        return node.seconds, node.eager, node.unit

    tree = from_node(Wait(tuned.weigh, 1.0, False, 1))
    assert fields(Config({"wait": {"seconds": 2, "eager": True, "unit": "min"}})) == (2, True, 60)
    assert fields(by_variables(WAIT__SECONDS="0.5", WAIT__EAGER="TRUE", WAIT__UNIT="min")) == (0.5, True, 60)
    with pytest.raises(DefinitionError, match=r"'unit' of 'wait' to 'h', which it does not take: 'h'\."):
        apply(tree, {"wait": {"unit": "h"}})
    with pytest.raises(DefinitionError, match="true or false"):
        by_variables(WAIT__EAGER="1").apply(tree)
    with pytest.raises(DefinitionError, match="'seconds' of 'wait' to True, and it takes a number"):
        apply(tree, {"wait": {"seconds": True}})


def test_variables_set_what_they_name():
    """The environment wins over what stands before it."""
    config = Config({"halves": {"at_most": 2}}) + by_variables(HALVES__AT_MOST=" 1 ")

    assert config.apply(tuned.halves)(100) == 50
    assert (config + Config({"halves": {"at_most": 3}})).apply(tuned.halves)(100) == 12


def test_equal_siblings_are_told_apart():
    """By the number in their path."""
    tree = (tuned.weigh.each() | tuned.weigh.each().each()).named("job")

    found = apply(tree, {"job/each#2/each": {"threads": 2}})
    assert [(path, node.threads) for path, node in walk(found) if node.kind == "each"] == [
        ("job/each", None),
        ("job/each#2", None),
        ("job/each#2/each", 2),
    ]
    assert by_variables(JOB__EACH_2__EACH__THREADS="2").apply(tree) == found


def test_what_is_not_set_is_the_very_same():
    """Only what stands around a changed node is made anew."""
    found = apply(tuned.intake, {"intake/each": {"concurrency": 8}})

    assert found.node.parts[2] is tuned.intake.node.parts[2]
    assert apply(tuned.weights, {"weights/parallel": {"threads": 2}}) is tuned.weights


def test_every_change_is_told_with_what_was_there():
    """So is what belongs to other flows."""
    config = Config({"halves": {"at_most": 1}, "other/x": {"y": 2}})

    found = tune(tuned.halves.node, config)
    assert [(one.path, one.parameter, one.value, one.before, one.source) for one in found.changes] == [
        ("halves", "at_most", 1, 3, "config['halves']")
    ]
    assert [entry.path for entry in found.others] == ["other/x"]


# ---- what stands in the place of a part


def test_a_function_stands_in_the_place_of_a_part():
    """Under the same name, with the same metadata."""
    found = apply(tuned.intake, {"intake/total": {"replace": f"{HERE}:count"}})

    assert asyncio.run(found("1,2,3")) == 3
    assert [path for path, _ in walk(found)] == [path for path, _ in walk(tuned.intake)]
    assert found.node.parts[2].body.meta.version == "2.0.0"


def test_a_flow_brings_its_own_metadata():
    """What it declares about itself holds."""
    assert apply(tuned.weigh, {"weigh": {"replace": f"{HERE}:own_name"}}).meta.version == "3.0.0"


def test_the_whole_flow_is_a_place():
    """It is called like the one before."""
    assert apply(tuned.weigh, {"weigh": {"replace": f"{HERE}:double"}})(4) == 8


def test_a_sync_function_stands_in_an_async_place():
    """The flow stays async; what the function does blocks, which its place `local` says."""
    found = apply(tuned.price, {"price": {"replace": f"{HERE}:double"}})

    assert found.colour == "async"
    assert asyncio.run(found(4)) == 8
    assert details(found) == [("on", "'local'")]


def test_no_async_function_stands_in_a_sync_place():
    """Nothing would await it; where an `.on` is around it, something does."""
    with pytest.raises(DefinitionError, match=f"config.*'{HERE}:later' is async, and 'weigh' is sync"):
        apply(tuned.weigh, {"weigh": {"replace": f"{HERE}:later"}})

    assert asyncio.run(apply(tuned.weigh.on("thread"), {"weigh": {"replace": f"{HERE}:later"}})(4)) == -4
    named = tuned.weigh.on("thread").named("far")
    assert asyncio.run(apply(named, {"far/weigh": {"replace": f"{HERE}:later"}})(4)) == -4


def test_what_stands_in_a_place_is_tuned_too():
    """Its paths go on from the place."""
    tree = (tuned.price.each() | tuned.total).named("job")
    settings = {"job/each": {"replace": f"{HERE}:inner_loop", "concurrency": 5}, "job/each/double": {"place": "local"}}

    assert details(apply(tree, settings)) == [("each", "concurrency=5"), ("on", "'local'")]


def test_outer_places_are_filled_before_inner_ones():
    """An inner place may be one of what stands in the outer."""
    tree = (tuned.price.each() | tuned.total).named("job")
    settings = {"job/each": {"replace": f"{HERE}:inner_loop"}, "job/each/double": {"replace": f"{HERE}:weigh"}}

    assert asyncio.run(apply(tree, settings)([1, 2])) == 3


@pytest.mark.parametrize("name", ["double", "later", "moved", "bare_moved", "price"])
@pytest.mark.parametrize(
    "subject", [tuned.price | str, tuned.price.on("thread") | str, tuned.price.each() | tuned.total]
)
def test_to_apply_twice_is_to_apply_once(subject, name):
    """Also where what stands in a place is a refinement, or of the other colour."""
    whole = subject.named("whole")
    path = next(path for path, _ in walk(whole) if path.endswith("/price"))
    config = Config({path: {"replace": f"{HERE}:{name}"}})

    assert config.apply(config.apply(whole)) == config.apply(whole)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("double", "'package.module:name'; got 'double'"),
        (":double", "got ':double'"),
        ("a:b:c", "got 'a:b:c'"),
        (3, "got 3"),
        (f"{HERE}:nothing", "cannot be imported: AttributeError"),
        ("no_such_module:f", "cannot be imported: ModuleNotFoundError"),
        (f"{HERE}:NUMBER", "takes a function or another callable, got 3"),
        (f"{HERE}:of_text", "takes int, and what would stand there takes str"),
        (f"{HERE}:to_text", "gives int, and what would stand there gives str"),
        (f"{HERE}:of_two", r"takes \(x\), and what would stand there takes \(x, y\)"),
    ],
)
def test_what_does_not_fit_a_place_is_refused(value, message):
    """With where it was set."""
    with pytest.raises(DefinitionError, match=rf"^config\['weigh'\]: .*{message}"):
        apply(tuned.weigh, {"weigh": {"replace": value}})


def test_a_module_that_ends_the_program_is_refused(tmp_path, monkeypatch):
    """As any that cannot be imported."""
    (tmp_path / "leaves_at_once.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(DefinitionError, match="cannot be imported: SystemExit: 3"):
        apply(tuned.weigh, {"weigh": {"replace": "leaves_at_once:f"}})


def test_what_does_not_fit_its_neighbours_is_refused():
    """Where the place itself would take anything."""
    anything = flow(lambda x: x, name="anything")

    with pytest.raises(DefinitionError, match=r"config\['job/anything'\]: 'weigh' gives int, but the next step"):
        apply((tuned.weigh | anything).named("job"), {"job/anything": {"replace": f"{HERE}:of_text"}})
    with pytest.raises(DefinitionError, match=r"config\['job/anything'\]: 'anything' gives str, but the next step"):
        apply((anything | tuned.weigh).named("job"), {"job/anything": {"replace": f"{HERE}:to_text"}})


def test_what_is_needed_there_must_be_given():
    """Before anything runs, as for any step."""
    ctx = context(config={"weigh": {"replace": f"{HERE}:for_tenant"}})

    assert ctx.with_(tenant="acme").run(tuned.weigh, 1) == 4
    with pytest.raises(MissingNeed):
        ctx.run(tuned.weigh, 1)


# ---- what is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"intake/totl": {"place": "local"}}, "no place of the flow 'intake'. Near is intake/total"),
        (
            {"intake/zzz": {"place": "local"}},
            "It has 'intake/parse', 'intake/each', 'intake/each/price', 'intake/total'",
        ),
        (
            {"intake/each": {"concurency": 8}},
            "'intake/each' does not declare. It takes concurrency, replace. Near is concurrency",
        ),
        (
            {"intake/each": {"place": "local"}},
            "takes concurrency, replace. 'place' is declared at 'intake/total'",
        ),
        ({"intake": {"concurrency": 8}}, "It takes replace. 'concurrency' is declared at 'intake/each'"),
        ({"intake/each": {"concurrency": "8"}}, "to '8', and it takes a whole number. Write it without quotes"),
        ({"intake/each": {"concurrency": True}}, "to True, and it takes a whole number"),
        ({"intake/each": {"concurrency": 8.0}}, "to 8.0, and it takes a whole number"),
        ({"intake/each": {"threads": 8}}, "`threads` is for sync flows"),
        ({"intake/total": {"place": ""}}, "a place is a name"),
        (
            {"intke/each": {"concurrency": 8}},
            r"for a flow 'intke', and this one is 'intake'. .*flows.\"intake\"\]",
        ),
        ({"intke/total": {"place": "local"}, "intake/each": {"concurrency": 8}}, "for a flow 'intke'"),
        ({"intake/each/price/rate": {"replace": "a:b"}}, "'rate', which is called in the body of 'intake/each/price'"),
        ({"intake/rate@0[0]": {"replace": "a:b"}}, "Set it under its own name, 'rate'"),
    ],
)
def test_what_means_nothing_is_refused(settings, message):
    """With where it was set, and what is near."""
    with pytest.raises(DefinitionError, match=rf"^config\[.*\]:? .*{message}"):
        apply(tuned.intake, settings)


class Near:
    """An executor that runs flows where it is."""

    async def execute(self, place, flow, args, kwargs):
        return place, flow(*args, **kwargs)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("procss", "knows. Near is 'process'. Built in are 'local', 'thread', 'process'"),
        ("Thread", "knows. Near is 'thread'."),
        (" process", "knows. Near is 'process'."),
        ("cluster", "knows. Built in are 'local', 'thread', 'process'; any other is for the executor of a context"),
    ],
)
def test_a_place_that_nothing_knows_is_refused_before_the_run(place, message):
    """With where it is set; by `run` and `start`, the first time and the next."""
    app = context(config={"intake/total": {"place": place}})

    for _ in range(2):
        with pytest.raises(
            DefinitionError, match=rf"^config\['intake/total'\] sets 'place' of .*'{place}', .*{message}"
        ):
            app.run(tuned.intake, "1")
    with app, pytest.raises(DefinitionError, match="nothing here knows"):
        app.start(tuned.intake, "1")


def test_an_executor_may_know_any_place():
    """That of the context, or one that the flow itself has around the part."""
    far = tuned.weigh.on("thread")
    config = {"weigh": {"place": "cluster"}}

    assert asyncio.run(context(config=config, executor=Near()).run(far, 3)) == ("cluster", 3)
    assert asyncio.run(context(config=config).run(far.within(executor=Near()), 3)) == ("cluster", 3)
    with pytest.raises(DefinitionError, match="nothing here knows"):
        context(config=config).run(far.within(tenant="a"), 3)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (tuned.price.stream(), "It takes concurrency, replace."),
        (tuned.weigh.stream(), "It takes replace, threads."),
        (parallel(tuned.price, tuned.weigh), "It takes replace."),
        (parallel(tuned.weigh, tuned.weigh), "It takes replace, threads."),
        (tuned.weigh.each().on("thread"), "It takes place, replace, threads."),
    ],
)
def test_only_what_would_be_taken_is_offered(subject, message):
    """The colour refuses some of what a node declares."""
    with pytest.raises(DefinitionError) as raised:
        apply(subject, {subject.__name__: {"x": 1}})

    assert str(raised.value).endswith(f"does not declare. {message}")


def test_a_value_that_is_refused_for_its_range_is_offered_still():
    """Another may fit."""

    class Big(Node):
        __slots__ = ("body", "amount")
        tunable = {"amount": int}

        def check(self):
            if self.amount is not None and self.amount < 10:
                raise InvalidValue("too small")

    with pytest.raises(DefinitionError, match="It takes amount, replace"):
        apply(from_node(Big(tuned.weigh, None)), {"node": {"x": 1}})


def test_a_flow_without_parts_says_what_it_takes():
    """And under which names the flows are configured that its function calls."""
    with pytest.raises(DefinitionError, match="Nothing stands beneath 'weigh', which itself takes replace.$"):
        apply(tuned.weigh, {"weigh/parts": {"x": 1}})
    with pytest.raises(DefinitionError, match="What its functions call is set under names of its own: 'rate'.$"):
        apply(tuned.price, {"price/tare": {"x": 1}})


@pytest.mark.parametrize("name", ["elt", "tel", "ETL", "Etl", "etk", "et", "etll"])
def test_a_slip_in_a_short_name_is_refused(name):
    """In a path as in a variable, which has no case."""
    etl = (tuned.parse | tuned.total).named("etl")

    with pytest.raises(DefinitionError, match=f"for a flow '{name}', and this one is 'etl'"):
        apply(etl, {f"{name}/total": {"replace": "a:b"}})
    if name.upper() != "ETL":
        with pytest.raises(DefinitionError, match=r"whose variables begin with \$OMNITRON_FLOWS__ETL__"):
            by_variables(**{f"{name.upper()}__TOTAL__REPLACE": "a:b"}).apply(etl)


@pytest.mark.parametrize(("name", "other"), [("etl", "lte"), ("eu1", "eu2"), ("ab", "ac"), ("etl", "web")])
def test_short_names_that_are_no_slip_are_other_flows(name, other):
    """So are two numbers, and names of two letters."""
    subject = tuned.weigh.named(name)

    assert apply(subject, {other: {"replace": "a:b"}}) is subject


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("INTAKE__TOTL__PLACE", "local", r"Near is \$OMNITRON_FLOWS__INTAKE__TOTAL__PLACE"),
        ("INTAKE__each__CONCURRENCY", "8", r"Near is \$OMNITRON_FLOWS__INTAKE__EACH__CONCURRENCY"),
        ("INTAKE__EACH__CONCURENCY", "8", r"Near is \$OMNITRON_FLOWS__INTAKE__EACH__CONCURRENCY"),
        ("INTAKE__EACH__CONCURRENCY", "8x", "to '8x', and it takes a whole number"),
        ("INTAKE__EACH__CONCURRENCY", "0", "positive whole number, got 0"),
        ("INTKE__EACH__CONCURRENCY", "8", r"variables begin with \$OMNITRON_FLOWS__INTAKE__"),
        ("intake__EACH__CONCURRENCY", "8", r"variables begin with \$OMNITRON_FLOWS__INTAKE__"),
        ("INTAKE__EACH__PRICE__RATE__REPLACE", "a:b", "'rate', which is called in the body of 'intake/each/price'"),
    ],
)
def test_variables_that_mean_nothing_are_refused(name, value, message):
    """By their name, and with what is near."""
    with pytest.raises(DefinitionError, match=rf"^\$OMNITRON_FLOWS__{name}:? .*{message}"):
        by_variables(**{name: value}).apply(tuned.intake)


def test_a_value_out_of_range_stays_such_an_error():
    """It is the node's own, with where it was set."""
    with pytest.raises(InvalidValue, match=r"^config\['halves'\]: `at_most` is a positive whole number, got 0"):
        apply(tuned.halves, {"halves": {"at_most": 0}})


def test_a_variable_that_may_mean_two_places_is_refused():
    """Both are named."""
    tree = (tuned.weigh.each().named("a b") | tuned.weigh.each().each().named("a-b")).named("job")

    with pytest.raises(DefinitionError, match="may mean 'threads' of 'job/a b' or 'threads' of 'job/a-b'"):
        by_variables(JOB__A_B__THREADS="2").apply(tree)
    apply(tree, {"job/a b": {"threads": 2}})


def test_a_parameter_that_two_parts_declare_is_refused():
    """A name tells them apart."""
    with pytest.raises(DefinitionError, match=r"2 parts declare it: on\('process'\) and on\('thread'\).*`.named"):
        apply(tuned.weigh.on("thread").on("process"), {"weigh": {"place": "local"}})


def test_settings_of_other_flows_are_left_alone():
    """Also those of which nothing here could tell what they mean."""
    config = Config({"other": {"x": 1}, "halves/deep": {"y": 2}}) + by_variables(OTHER__Z="3")

    assert config.apply(tuned.weigh) is tuned.weigh


@pytest.mark.parametrize(
    "config",
    [
        Config({"weight/parallel": {"threads": 2}, "weighs": {}}),
        Config({"weights/parallel": {"threads": 2}}),
        by_variables(WEIGHTS__PARALLEL__THREADS="2"),
    ],
)
def test_a_name_that_is_near_may_be_that_of_another_flow(config):
    """A table for this one says so, also an empty one; so does a flow of that name in the module of a function."""
    subject = tuned.weigh.named("weighs")

    assert config.apply(subject) is subject


# ---- in contexts


def test_a_context_tunes_what_it_runs():
    """By a mapping, a file, or a value; a derived context adds to it."""
    app = context(config={"halves": {"at_most": 2}})

    assert app.run(tuned.halves, 100) == 25
    assert app.with_(config=Config({"halves": {"at_most": 1}})).run(tuned.halves, 100) == 50
    assert app.with_(config={"other": {"x": 1}}).run(tuned.halves, 100) == 25
    assert tuned.halves(100) == 12


def test_a_context_reads_a_file_and_then_the_environment(tmp_path, monkeypatch):
    """By its path."""
    (tmp_path / "a.toml").write_text("[tool.omnitron.flows.halves]\nat_most = 2\n")
    assert context(config=tmp_path / "a.toml").run(tuned.halves, 100) == 25

    monkeypatch.setenv("OMNITRON_FLOWS__HALVES__AT_MOST", "1")
    assert context(config=str(tmp_path / "a.toml")).run(tuned.halves, 100) == 50


def test_a_started_run_is_tuned():
    """As one that is run."""
    with context(config={"halves": {"at_most": 1}}) as app:
        assert app.start(tuned.halves, 100).result(10) == 50


def test_what_a_body_runs_in_its_context_is_tuned():
    """By its own name; so is what a context of its own runs."""
    app = context(config={"weigh": {"replace": f"{HERE}:double"}})

    assert app.run(tuned.runs_inside, 4) == 8
    assert app.run(flow(lambda x: context().run(tuned.weigh, x)), 4) == 8
    assert app.run(flow(lambda x: current_context().isolate().run(tuned.weigh, x)), 4) == 8


def test_a_plain_function_is_tuned_as_the_flow_that_it_makes():
    """By its name."""
    assert context(config={"of_two": {"replace": "math:gcd"}}).run(tuned.of_two, 4, 6) == 2


def test_observers_see_the_flow_by_the_same_paths():
    """What stands in a place has the place's name."""
    log = EventLog()
    app = context(config={"weigh": {"replace": f"{HERE}:double"}}, observers=log)

    app.run(tuned.weights, 4)
    plain = EventLog()
    context(observers=plain).run(tuned.weights, 4)

    assert Counter(event.path for event in log.events) == Counter(event.path for event in plain.events)


def test_a_configuration_alone_watches_nothing():
    """The run is as quick as one without."""
    seen = []

    @flow
    def look(x):
        from omnitron.runtime import read_watch

        seen.append(read_watch())

    context(config={"look": {"replace": f"{HERE}:double"}, "other": {}}).run(look.named("other one"), 1)
    context(config={"other": {}}).run(look, 1)
    assert seen == [None, None]


def test_what_is_refused_is_refused_before_anything_runs():
    """Where the run begins."""
    ran = []
    job = flow(ran.append, name="job")

    with pytest.raises(DefinitionError, match="does not declare"):
        context(config={"job": {"x": 1}}).run(job, 1)
    with context(config={"job": {"x": 1}}) as app, pytest.raises(DefinitionError, match="does not declare"):
        app.start(job, 1)
    assert ran == []


def test_a_method_is_tuned():
    """By the name of its function; what stands there is given the object too."""

    class Shop:
        @flow
        def weigh(self, x):
            return x

    assert context(config={"weigh": {"replace": f"{HERE}:for_shop"}}).run(Shop().weigh, 1) == ("Shop", 1)


def test_a_flow_is_made_once_for_a_configuration():
    """Also when two threads ask, and both have begun to make it."""
    both = threading.Barrier(2, timeout=10)

    class Slow(Node):
        __slots__ = ("body", "number")
        tunable = {"number": lambda value: (both.wait() and value) or value}

        def emit(self, w, args, target):
            w.pass_on(self.body, args, target)

    config, subject, found = Config({"node": {"number": 2}}), from_node(Slow(tuned.weigh, 1)), []
    threads = [threading.Thread(target=lambda: found.append(config.apply(subject))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] is found[1] is config.apply(subject)
    assert found[0].node.number == 2


def test_nothing_is_kept_that_nobody_has():
    """Neither flows by a configuration nor configurations by a flow, also where a function leads back to its flow."""

    def made():
        def body(x):
            return subject, x

        subject = flow(body, name="body").each().named("body")
        return subject

    config, subject = Config({"body": {"threads": 2}}), made()
    lasting = [weakref.ref(subject), weakref.ref(config.apply(subject)), weakref.ref(config._mark)]
    del subject
    gc.collect()
    assert [one() is None for one in lasting] == [True, True, False]

    subject = made()
    config.apply(subject)
    del config
    gc.collect()
    assert lasting[2]() is None
    assert len(subject._tunings) == 0


def test_a_deep_tree_and_a_long_pipe_are_tuned():
    """Without recursion."""
    deep, long = tuned.weigh, flow(lambda x: x + 1, name="f") | flow(lambda x: x, name="g")
    for _ in range(190):
        deep = deep.each()
    for _ in range(2000):
        long = long | flow(lambda x: x + 1, name="f")

    path = "/".join(["each"] * 190)
    assert apply(deep, {path: {"threads": 2}}).node.depth == deep.node.depth
    assert apply(long.named("long"), {"long/g": {"replace": f"{HERE}:double"}})(1) == 2004


@pytest.mark.real
def test_what_runs_in_a_process_is_tuned():
    """The rewritten flow goes there."""
    tree = (tuned.here | tuned.weigh).on("process").named("pid")
    app = context(config={"pid/here": {"replace": f"{HERE}:weigh"}, "pid/weigh": {"replace": f"{HERE}:double"}})

    assert asyncio.run(app.run(tree, 4)) == 8


@pytest.mark.real
def test_work_is_brought_back_from_a_process():
    """By its place."""
    app = context(config={"process": {"place": "local"}})

    assert asyncio.run(context().run(tuned.process, 4)) != os.getpid()
    assert asyncio.run(app.run(tuned.process, 4)) == os.getpid()


@pytest.mark.real
def test_a_configuration_travels_to_a_process():
    """What a body runs there in its context is tuned by its own name."""
    app = context(config={"weigh": {"replace": f"{HERE}:double"}})

    assert asyncio.run(app.run(tuned.far, 4)) == 8
