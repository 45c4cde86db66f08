"""The patients, and on which side of the split each one is."""

import numpy as np
import pandas as pd

TARGET = "progression"
COLUMNS = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]


def load(path):
    """Read the patients; measurements are floats, so that a server takes 23 as well as 23.5."""
    return pd.read_csv(path).astype(dict.fromkeys([*COLUMNS, TARGET], float))


def split(frame):
    """Return training and validation patients.

    The side hangs on the patient's number alone: whatever version of the data, nobody changes sides.
    """
    validation = np.random.default_rng(521).random(1000) < 0.2
    side = validation[frame["patient"].to_numpy()]
    return frame[~side], frame[side]
