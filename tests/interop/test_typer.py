"""Typer and click: a flow is a command; its options come from the annotations, its help from the docstring."""

import click
import pytest
import typer
from click.testing import CliRunner as ClickRunner
from typer.testing import CliRunner

from omnitron import context, flow
from tests.interop import commands

pytestmark = pytest.mark.filterwarnings("default")

NARROW = {"TERMINAL_WIDTH": "100", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"}


def application(**made):
    """Give an application of the commands by name."""
    app = typer.Typer()
    for name, one in made.items():
        app.command(name)(one)
    app.command("other")(lambda: None)  # with a single command Typer leaves its name out
    return app


def call(app, *arguments):
    """Run it, and give exit code and output."""
    done = CliRunner().invoke(app, list(arguments), env=NARROW)
    return done.exit_code, done.output


def test_a_flow_is_a_command():
    """Arguments and options are those of the function, read by their annotations."""
    shown = flow(print)
    app = application(twice=commands.twice | shown, retried=commands.retried)

    assert call(app, "twice", "4") == (0, "8\n")
    assert call(app, "retried", "4") == (0, "costs 8\n")


def test_what_does_not_fit_is_refused_by_the_command_line():
    """A number that is none."""
    code, output = call(application(twice=commands.twice), "twice", "many")

    assert (code, "Invalid value for 'x'" in output) == (2, True)


def test_the_help_is_the_docstring_and_the_annotations():
    """What the context fills is no option."""
    code, output = call(application(total=commands.total), "total", "--help")

    assert code == 0
    for text in ("Add up the prices.", "Each item costs the same.", "What was bought.", "--rate", "--loud", "x>=1"):
        assert text in output
    assert "who" not in output.lower().split()


def test_what_the_context_fills_is_not_passed():
    """Typer gives every parameter that it finds, and finds the callers' only."""
    seen = []
    app = application(total=(commands.total | flow(seen.append)).within(tenant="acme"))

    assert call(app, "total", "tea", "milk", "--rate", "5", "--loud") == (0, "")
    assert seen == [100]


def test_a_pipe_is_a_command_in_a_context():
    """Inside a run the needs are filled, and the declared description is the help."""
    app = application(total=commands.command)

    with context(tenant="acme") as ctx:
        assert ctx.run(flow(call), app, "total", "tea", "--rate", "5") == (0, "costs 5\n")
    assert "Add up the prices, and tell." in call(app, "total", "--help")[1]


def test_a_flow_is_the_callback_of_an_application():
    """Options before the command."""
    seen = []
    app = application()
    app.callback()(flow(lambda: seen.append("before")))

    assert call(app, "other")[0] == 0
    assert seen == ["before"]


@pytest.mark.parametrize("above", [True, False])
def test_a_flow_is_a_click_command(above):
    """The options of click may stand above `@flow` or beneath it."""
    option = click.option("--count", type=int, default=1, help="How many.")

    def show(count: int) -> None:
        """Show a number."""
        print("count", count)

    made = click.command(option(flow(show)) if above else flow(option(show)))

    assert ClickRunner().invoke(made, ["--count", "4"]).output == "count 4\n"
    assert "Show a number." in ClickRunner().invoke(made, ["--help"]).output
