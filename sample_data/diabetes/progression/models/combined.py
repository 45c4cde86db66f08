"""The weighted mean of ridge regression and gradient boosting; its steps are the stages of the latter."""

from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from progression.features import features


def build(params):
    boosting = GradientBoostingRegressor(
        n_estimators=params["stages"],
        max_depth=params["depth"],
        learning_rate=params["rate"],
        subsample=params["subsample"],
        random_state=params["seed"],
    )
    weights = [1 - params["weight"], params["weight"]]
    both = VotingRegressor([("ridge", Ridge(alpha=params["alpha"])), ("boosting", boosting)], weights=weights)
    return make_pipeline(features(), both)


def learn(pipeline, x, y):
    pipeline.fit(x, y)
    for stage in range(pipeline[-1].named_estimators_["boosting"].n_estimators):
        yield lambda patients, stage=stage: _at(pipeline, patients, stage)


def _at(pipeline, patients, stage):
    both = pipeline[-1]
    x = pipeline[:-1].transform(patients)
    boosting = both.named_estimators_["boosting"].staged_predict(x)
    staged = next(answer for number, answer in enumerate(boosting) if number == stage)
    ridge = both.named_estimators_["ridge"].predict(x)
    return both.weights[0] * ridge + both.weights[1] * staged
