"""One writer at a time in Prefect's database on SQLite: nobody waits for somebody who waits for him."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deployments.one_writer import OneWriter

# Who waits in a circle waits until a time-out of another kind; this only ends the test before.
_FOR_EVER = 10


async def leaves_its_transaction(engine: AsyncEngine) -> None:
    """As a migration of Prefect's does, whose connection goes back to the pool."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("CREATE TABLE note (words TEXT)"))


@pytest.mark.parametrize("migrated", [False, True], ids=["later start", "first start"])
def test_who_writes_in_two_steps_lets_others_write_between_them(tmp_path: Path, migrated: bool) -> None:
    """Prefect's recorder of events writes so, and a form that is sent at that moment stood still for 30 seconds."""

    async def all_of_it() -> list[str]:
        writer = OneWriter(connection_url=f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
        engine = await writer.engine()
        await leaves_its_transaction(engine)
        if not migrated:
            await engine.dispose()

        async def send_a_form() -> None:
            async with await writer.session(engine) as form, writer.begin_transaction(form):
                await form.execute(text("INSERT INTO note VALUES ('form')"))

        async with await writer.session(engine) as events:
            await events.execute(text("INSERT INTO note VALUES ('event')"))
            await asyncio.wait_for(send_a_form(), _FOR_EVER)
            await events.execute(text("INSERT INTO note VALUES ('its resource')"))
            await events.commit()
            written = list((await events.scalars(text("SELECT words FROM note ORDER BY rowid"))).all())
        await engine.dispose()
        return written

    assert asyncio.run(all_of_it()) == ["event", "form", "its resource"]
