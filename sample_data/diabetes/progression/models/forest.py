"""A random forest; its steps are trees."""

from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline

from progression.features import features


def build(params):
    model = RandomForestRegressor(
        n_estimators=params["trees"], max_depth=params["depth"], random_state=params["seed"], n_jobs=1
    )
    return make_pipeline(features(), model)


def learn(pipeline, x, y):
    model = pipeline[-1]
    model.set_params(warm_start=True)
    for trees in range(1, model.n_estimators + 1):
        model.set_params(n_estimators=trees)
        pipeline.fit(x, y)
        yield pipeline.predict
    model.set_params(warm_start=False)
