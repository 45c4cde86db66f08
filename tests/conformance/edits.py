"""Every kind of edit that can be made through MLflow.

Each is a generator: up to its ``yield`` it makes what it will edit, then the board reads, then it edits.
None needs another to have been made, and all can be made on one store in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from conformance.scenario import Scene, log_dataset, new_run

Edit = Callable[[Scene], Iterator[None]]
EDITS: list[Edit] = []


def edit(function: Edit) -> Edit:
    EDITS.append(function)
    return function


def known_as(function: Edit) -> str:
    return function.__name__


@edit
def a_new_run(scene: Scene) -> Iterator[None]:
    yield
    scene.old_run()


@edit
def a_running_run_goes_on(scene: Scene) -> Iterator[None]:
    run = new_run(scene, "wine", "running")
    scene.client.log_metric(run, "rmse", 0.5, step=0)
    yield
    scene.client.log_metric(run, "rmse", 0.25, step=1)
    scene.client.log_metric(run, "mae", 0.125)
    scene.client.log_param(run, "late", "1")


@edit
def a_run_ends(scene: Scene) -> Iterator[None]:
    run = new_run(scene, "wine", "ends")
    yield
    scene.client.set_terminated(run, "KILLED")


@edit
def a_late_metric(scene: Scene) -> Iterator[None]:
    run, other = scene.old_run(), scene.old_run()
    yield
    scene.client.log_metric(run, "late", 1.5, step=3)
    scene.client.log_metric(other, "rmse", 0.125, step=99)


@edit
def metrics_at_steps_that_were_logged_before(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.log_metric(run, "rmse", 77.0, step=1)
    scene.client.log_metric(run, "rmse", 78.0, step=2)


@edit
def a_late_parameter(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.log_param(run, "late", "yes")


@edit
def an_edited_tag(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.set_tag(run, "note", "edited")


@edit
def a_new_tag(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.set_tag(run, "mlflow.note.content", "# see here")


@edit
def a_deleted_tag(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.delete_tag(run, "note")


@edit
def a_tag_that_takes_anothers_place(scene: Scene) -> Iterator[None]:
    run, other = scene.old_run(), scene.old_run()
    yield
    scene.client.delete_tag(other, "kept")
    scene.client.set_tag(run, "reuses", "the row number")


@edit
def a_renamed_run(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.update_run(run, name="renamed")


@edit
def a_status_set_again(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.update_run(run, status="FAILED")


@edit
def a_deleted_run(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.delete_run(run)


@edit
def a_restored_run(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    scene.client.delete_run(run)
    yield
    scene.client.restore_run(run)


@edit
def a_run_removed_for_good(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    scene.old_run()
    yield
    scene.client.delete_run(run)
    _gc(scene, run)


@edit
def the_newest_run_removed_and_another_in_its_place(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    scene.client.delete_run(run)
    _gc(scene, run)
    scene.old_run()


@edit
def a_dataset_of_an_old_run(scene: Scene) -> Iterator[None]:
    run = scene.old_run()
    yield
    log_dataset(scene.client, run, f"late{next(scene.numbers)}", "eval")


@edit
def a_dataset_of_a_new_run(scene: Scene) -> Iterator[None]:
    yield
    run = new_run(scene, "wine", "with data")
    log_dataset(scene.client, run, f"new{next(scene.numbers)}")
    scene.client.set_terminated(run)


@edit
def a_renamed_experiment(scene: Scene) -> Iterator[None]:
    experiment = scene.client.create_experiment(f"before {next(scene.numbers)}")
    yield
    scene.client.rename_experiment(experiment, f"after {next(scene.numbers)}")


@edit
def a_deleted_experiment(scene: Scene) -> Iterator[None]:
    experiment = scene.client.create_experiment(f"to delete {next(scene.numbers)}")
    run = scene.client.create_run(experiment)
    yield
    scene.client.set_terminated(run.info.run_id)
    scene.client.delete_experiment(experiment)


@edit
def a_restored_experiment(scene: Scene) -> Iterator[None]:
    experiment = scene.client.create_experiment(f"to restore {next(scene.numbers)}")
    scene.client.create_run(experiment)
    scene.client.delete_experiment(experiment)
    yield
    scene.client.restore_experiment(experiment)


@edit
def a_new_model_and_version(scene: Scene) -> Iterator[None]:
    yield
    scene.model()


@edit
def a_new_version(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    run = scene.client.get_run(scene.runs["FINISHED"]).info
    scene.client.create_model_version(model, f"{run.artifact_uri}/model", run.run_id)


@edit
def a_moved_alias(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.set_registered_model_alias(model, "champion", "2")


@edit
def a_dropped_alias(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.delete_registered_model_alias(model, "champion")


@edit
def a_stage_transition(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.transition_model_version_stage(model, "2", "Staging")


@edit
def an_edited_version_tag(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.set_model_version_tag(model, "1", "approved", "no longer")
    scene.client.set_model_version_tag(model, "2", "checked", "yes")


@edit
def a_deleted_version_tag(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.delete_model_version_tag(model, "1", "approved")


@edit
def descriptions(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.update_registered_model(model, "after")
    scene.client.update_model_version(model, "1", "after")


@edit
def a_deleted_version(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.delete_model_version(model, "1")


@edit
def a_renamed_model(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    with suppress(AttributeError):  # MLflow's file store fails half-way at a version's tag: that shows, too
        scene.client.rename_registered_model(model, f"{model}-renamed")


@edit
def a_deleted_model(scene: Scene) -> Iterator[None]:
    model = scene.model()
    yield
    scene.client.delete_registered_model(model)


@edit
def logged_models(scene: Scene) -> Iterator[None]:
    client, wine = scene.client, scene.experiments["wine"]
    ends, goes = (
        client.create_logged_model(wine, name, scene.old_run()).model_id for name in ("ends", "goes")
    )
    yield
    client.finalize_logged_model(ends, "READY")
    client.delete_logged_model(goes)
    client.create_logged_model(wine, "new", scene.old_run())


def _gc(scene: Scene, run_id: str) -> None:
    """Remove a run for good, as ``mlflow gc`` does."""
    scene.backend._tracking_client.store._hard_delete_run(run_id)
