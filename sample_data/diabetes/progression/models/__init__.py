"""One module per model: ``build(params)`` returns a pipeline, ``learn(pipeline, x, y)`` fits it in steps
and yields, after each, a function that predicts."""
