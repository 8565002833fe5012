"""The 35 features of a window, by name, in the order of its columns.

Two units are used in the definitions: V, the typical volatility of a return (0.012 per step), and price, the running
sum of an asset's returns. All of them are known at the step they belong to, before the return that follows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FACTORS = 12


@dataclass(frozen=True)
class Feature:
    """One column: its name, and how its value comes about."""

    name: str
    definition: str


ALL = (
    Feature("return_1", "Return of the last step, in V."),
    Feature("return_2", "Change of price over 2 steps, in V times the root of 2."),
    Feature("return_5", "Change of price over 5 steps, in V times the root of 5."),
    Feature("return_10", "Change of price over 10 steps, in V times the root of 10."),
    Feature("gap_sma_5", "Price less its mean of the last 5 steps, in V times the root of 5."),
    Feature("gap_sma_10", "Price less its mean of the last 10 steps, in V times the root of 10."),
    Feature("gap_sma_20", "Price less its mean of the last 20 steps, in V times the root of 20."),
    Feature("macd", "Exponential mean of price over 12 steps (weight 2/13) less that over 26 (weight 2/27), in 3 V."),
    Feature("macd_signal", "Exponential mean of macd over 9 steps (weight 2/10)."),
    Feature("macd_histogram", "macd less macd_signal."),
    Feature("rsi_14", "(gains - losses) / (gains + losses), each summed over the last 14 returns: from -1 to 1."),
    Feature("volatility_5", "Root of the mean squared return of the last 5 steps, in V."),
    Feature("volatility_10", "Root of the mean squared return of the last 10 steps, in V."),
    Feature("volatility_20", "Root of the mean squared return of the last 20 steps, in V."),
    Feature("volatility_60", "Root of the mean squared return of the last 60 steps, in V."),
    Feature("volume", "Log volume: half the size of return_1, and half a standard normal number of its own."),
    Feature("volume_change", "volume less that of the step before."),
    Feature("order_flow_imbalance", "Buys less sells: standard normal over time, keeps 0.3 of the step before."),
    Feature("spread", "Bid-ask spread as a share of the price, in V / 10; tells the volatility to 20 %."),
    Feature("sector_return_1", "Mean of the last return over the asset's sector of 32, in V over the root of 32."),
    Feature("sector_return_5", "Mean of sector_return_1 over the last 5 steps, times the root of 5."),
    Feature("weekday_sin", "Sine of the day's angle in a week of 5 steps."),
    Feature("weekday_cos", "Cosine of the day's angle in a week of 5 steps."),
    *(
        Feature(f"factor_{number:02}", "Outside influence on the asset: standard normal, keeps 0.3 of the step before.")
        for number in range(1, FACTORS + 1)
    ),
)

NAMES = tuple(feature.name for feature in ALL)


def stack(columns: Mapping[str, Array]) -> NDArray[np.float32]:
    """Series [assets, steps] by name of the feature, as one array [assets, steps, 35] in the order of `NAMES`.

    Raises ValueError when one is missing or unknown: a model would take one column for another and not notice.
    """
    missing, unknown = set(NAMES) - columns.keys(), columns.keys() - set(NAMES)
    if missing or unknown:
        named = f"missing: {', '.join(sorted(missing)) or 'none'}; unknown: {', '.join(sorted(unknown)) or 'none'}"
        raise ValueError(f"The columns are not those of features.NAMES ({named}); give each of them once.")
    return np.stack([columns[name] for name in NAMES], axis=2, dtype=np.float32, casting="same_kind")
