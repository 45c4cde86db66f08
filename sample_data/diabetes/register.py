"""Register the model of a run as a new version of ``progression``.

python register.py RUN_ID
"""

import sys

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

MODEL = "progression"


def main():
    (run_id,) = sys.argv[1:]
    client = MlflowClient()
    (output,) = client.get_run(run_id).outputs.model_outputs
    try:
        client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"models:/{output.model_id}"
    version = client.create_model_version(MODEL, source, run_id, model_id=output.model_id)
    print(f"version {version.version} of {MODEL}")


if __name__ == "__main__":
    main()
