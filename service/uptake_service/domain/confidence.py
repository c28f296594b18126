"""How sure a rate is."""

from math import sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """The 95% score interval of a rate: lower and upper end, both 0 to 1.

    It holds `count / total`, is not empty for a rate of 0 or 1, and with nothing counted it is all of 0 to 1. From
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212, without a correction for continuity.

    Args:
        count: How many of them, 0 to `total`.
        total: How many there are.
    """
    if not total:
        return 0.0, 1.0
    rate = count / total
    middle = (count + _Z**2 / 2) / (total + _Z**2)
    reach = _Z * sqrt(count * (total - count) / total + _Z**2 / 4) / (total + _Z**2)
    # At rates of 0 and 1 rounding could leave the rate outside.
    return max(0.0, min(rate, middle - reach)), min(1.0, max(rate, middle + reach))
