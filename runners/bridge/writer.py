"""
Group commit: calls that arrive while one transaction is written go into the next one together.

A phone gets its reply after the commit; fifty phones share the wait for the drive.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from runners.bridging import Post, Refusal, Taken

Answer = Taken | Refusal
MOST_POSTS = 64


class Writer:
    """Hands events to the store in one thread; ``take`` is :meth:`runners.bridging.JobQueue.take`."""

    def __init__(self, take: Callable[[Sequence[Post]], Sequence[Answer]]) -> None:
        self._take = take
        self._pending: list[tuple[Post, asyncio.Future[Answer]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bridge-writer")
        self._task: asyncio.Task[None] | None = None

    async def take(self, post: Post) -> Answer:
        """Store the events of one call; on the disk when this returns."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending.append((post, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch, self._pending = self._pending[:MOST_POSTS], self._pending[MOST_POSTS:]
            posts = [post for post, _ in batch]
            try:
                answers = await loop.run_in_executor(self._thread, self._take, posts)
            except Exception as exc:  # noqa: BLE001  # each caller gets it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(exc)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    def close(self) -> None:
        """Wait for what is being written."""
        self._thread.shutdown()
