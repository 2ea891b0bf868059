"""What can be known of a plain function without running it: its parameters and annotations.

Read next: `omnitron.algebra`, which copies parameters into the code that it generates.
"""

from omnitron.code.annotations import clash, describe_annotation, input_annotation, output_annotation
from omnitron.code.parameters import Parameters, parameters_of

__all__ = [
    "Parameters",
    "clash",
    "describe_annotation",
    "input_annotation",
    "output_annotation",
    "parameters_of",
]
