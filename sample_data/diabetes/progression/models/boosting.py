"""Gradient boosting; its steps are stages."""

from sklearn.ensemble import GradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from progression.features import features


def build(params):
    model = GradientBoostingRegressor(
        n_estimators=params["stages"],
        max_depth=params["depth"],
        learning_rate=params["rate"],
        subsample=params["subsample"],
        random_state=params["seed"],
    )
    return make_pipeline(features(), model)


def learn(pipeline, x, y):
    pipeline.fit(x, y)
    for stage in range(pipeline[-1].n_estimators):
        yield lambda patients, stage=stage: _at(pipeline, patients, stage)


def _at(pipeline, patients, stage):
    staged = pipeline[-1].staged_predict(pipeline[:-1].transform(patients))
    return next(answer for number, answer in enumerate(staged) if number == stage)
