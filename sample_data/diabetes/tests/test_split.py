from progression.data import COLUMNS, load, split


def test_nobody_is_on_both_sides():
    train, validation = split(load("data/diabetes.csv"))
    assert not set(train["patient"]) & set(validation["patient"])


def test_every_measurement_is_there():
    assert not load("data/diabetes.csv")[COLUMNS].isna().any().any()
