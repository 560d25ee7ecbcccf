"""How far a full sync has come, so that the next run goes on from there."""

from prefect import get_run_logger

from crm_sync.mapping.checked import ResolvedMapping
from crm_sync.pull.checkpoints import Checkpoint, forget_checkpoints, read_checkpoint, save_checkpoint
from crm_sync.pull.watermarks import advance_watermark, forget_unmapped, watermark_of
from crm_sync.push.described_fields import keep_fields
from crm_sync.sobject import SObject
from tasks.pull.bulk_query import start_bulk_job
from tasks.run.run import Run


def begin_or_resume(run: Run, checked: ResolvedMapping, sobject: SObject) -> Checkpoint:
    """Return where an earlier run stopped, if the mapping is still the same; else start a Bulk job."""
    fingerprint = checked.rules.fingerprint(sobject)
    with run.database.transaction() as connection:
        reached = read_checkpoint(connection, run.org_key, sobject)
    if reached is not None and reached.mapping_fingerprint == fingerprint:
        get_run_logger().info("%s: going on with Bulk job %s of an earlier run.", sobject, reached.job_id)
        return reached
    job = start_bulk_job(run.org, sobject, checked.query(sobject))
    begun = Checkpoint(
        sobject=sobject,
        sync_run_id=run.number,
        mapping_fingerprint=fingerprint,
        job_id=job.id,
        read_from=job.created,
    )
    with run.database.transaction() as connection:
        save_checkpoint(connection, run.org_key, begun)
    return begun


def store_progress(run: Run, checked: ResolvedMapping, reached: Checkpoint) -> None:
    """Store that a page is done; with the last page, also that the object is complete up to `read_from`.

    What Salesforce said of its fields is kept for pushes, which then need not ask.
    """
    with run.database.transaction() as connection:
        save_checkpoint(connection, run.org_key, reached)
        if reached.finished:
            mark = watermark_of(checked, reached.sobject, reached.read_from)
            advance_watermark(connection, run.org_key, mark)
            forget_unmapped(connection, run.org_key, checked.saved.mapped)
            if described := checked.described.get(reached.sobject):
                keep_fields(connection, run.org_key, reached.sobject, described, run.started_at)


def forget(run: Run, objects: list[SObject]) -> None:
    """Forget how far earlier runs came."""
    with run.database.transaction() as connection:
        forget_checkpoints(connection, run.org_key, objects)
