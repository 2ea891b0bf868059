"""`Progress`: what is counted of a run."""

from omnitron import context, flow
from omnitron.cli.progress import Progress


def test_what_a_cache_answered_is_counted_beside_the_calls():
    """At the place of the flow that was spared."""
    progress = Progress()
    context(observers=progress).run(flow(str, name="price").cache(60).each(), [1, 2, 1, 1])

    count = progress.counts["each/price"]
    assert (count.started, count.ended, count.kept) == (2, 2, 2)
    assert count.text(0, running=False).endswith("  2 from the cache")
