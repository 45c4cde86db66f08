"""Ridge regression; its steps are growing shares of the patients."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from progression.features import features


def build(params):
    return make_pipeline(features(), Ridge(alpha=params["alpha"]))


def learn(pipeline, x, y):
    for share in np.linspace(0.1, 1.0, 20):
        patients = round(share * len(x))
        pipeline.fit(x[:patients], y[:patients])
        yield pipeline.predict
