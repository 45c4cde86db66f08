"""A linear model fitted by stochastic gradient descent; its steps are epochs."""

from sklearn.linear_model import SGDRegressor
from sklearn.pipeline import make_pipeline

from progression.features import features


def build(params):
    model = SGDRegressor(
        learning_rate="constant",
        eta0=params["rate"],
        max_iter=params["epochs"],
        random_state=params["seed"],
    )
    return make_pipeline(features(), model)


def learn(pipeline, x, y):
    *before, (_, model) = pipeline.steps
    for _, step in before:
        if step != "passthrough":
            x = step.fit_transform(x)
    for _ in range(model.max_iter):
        model.partial_fit(x.to_numpy() if hasattr(x, "to_numpy") else x, y)
        yield pipeline.predict
