"""Write data/diabetes.csv: the patients that we train on."""

from pathlib import Path

from sklearn.datasets import load_diabetes

PATIENTS = 300  # those of the first intake


def prepare():
    """Return one row per patient: number, ten measurements in their own units, progression after a year."""
    frame = load_diabetes(scaled=False, as_frame=True).frame
    frame = frame.rename(columns={"target": "progression"})
    frame.insert(0, "patient", range(1, len(frame) + 1))
    return frame.head(PATIENTS)


if __name__ == "__main__":
    path = Path("data/diabetes.csv")
    path.parent.mkdir(exist_ok=True)
    prepare().to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    print(f"{path}: {sum(1 for _ in path.open()) - 1} patients")
