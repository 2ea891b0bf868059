"""How much a tree may make of one value: every step notes the whole of what it is given, so growth fills the memory."""

from math import prod

from . import steps

SEVERAL = {"parallel": 3, "gather": 2, "keep": 2, "star": 2, "quorum": 3, "race": 1, "each": 3, "quorum of items": 3}
SEVERAL |= {"threads": 3, "each on threads": 3, "row on threads": 3, "row": 3, "collect": 2}


def growth(recipe):
    """Give a bound on how many values a tree makes of one, as if each part were given what all the others made."""
    match recipe:
        case ("loop", body, _, turns):
            return growth(body) ** turns
        case ("open loop", body):
            return (2 * growth(body)) ** 2
        case ("yield", steps.doubled):
            return 2
        case tuple():
            return prod(map(growth, recipe))
        case str():
            return SEVERAL.get(recipe, 1)
    return 1


def bounded(recipes, most):
    """Give the recipes of which little enough can come."""
    return recipes.filter(lambda recipe: growth(recipe) <= most)
