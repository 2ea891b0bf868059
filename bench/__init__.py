"""Omnitron measured against hand-written Python and against its peers, in one run: `python -m bench`.

`work` holds the functions a user would have, `baselines` the same work by hand, `peers` the same work by
other libraries, `measure` how time is taken, `rows` what is compared and which bar stands for it, `promises`
what the objects that were just timed are then shown to keep.
"""
