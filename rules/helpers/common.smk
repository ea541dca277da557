# Functions that the Snakefile calls at the start and at the end of a run.
from workflow_scripts.lib.common.files import clear_leftovers
from workflow_scripts.lib.common.locks import acquire_lock

# Folders that all runs in a working directory use, and the rules that write them
SHARED_FOLDERS = {"resources/detector": "export_detector", "resources/demo": "make_demo_video"}


def lock_folders():
    """Lock the folders that this run writes exclusively, and those that it reads as shared."""
    planned = {job.rule.name for job in workflow.dag.needrun_jobs()}
    acquire_lock(Path(RUN, ".lock"), wait=False)
    for folder in (*config["join_runs"], *config["test_on_runs"]):
        acquire_lock(Path(folder, ".lock"), wait=False, shared=True)
    for folder, writer in SHARED_FOLDERS.items():
        acquire_lock(Path(folder, ".lock"), wait=True, shared=writer not in planned)


def start_run():
    """Check what can be checked before the first job, then lock the run against other processes."""
    targets = workflow.dag_settings.targets or ()
    try:
        if any(job.rule.name == "verdicts" for job in workflow.dag.jobs):
            check_verdicts()
        if any(is_download(target) for target in targets):
            check_downloads(targets)
        else:
            check_sampled_videos()
            check_experiments()
        lock_folders()  # last, so that a failed check leaves no folder behind
    except UserError as error:
        raise WorkflowError(str(error))


def end_run():
    """Delete temporary files of killed jobs, except after `verify`, which changes nothing.

    Not at the start: on a cluster, jobs may outlive their snakemake and still be writing. In the
    face cache, which other runs write to, only files older than a day are deleted.
    """
    if "verify" not in (workflow.dag_settings.targets or ()):
        clear_leftovers(Path(RUN))
        clear_leftovers(Path("resources"))
        if config["face_cache"]:
            clear_leftovers(Path(config["face_cache"]), older_than_s=24 * 3600)
