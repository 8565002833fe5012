"""What a watch has seen of one object, and what its conditions said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

Object = dict[str, Any]
Conditions = dict[str, tuple[str, str]]  # type -> status, reason

# A healthy mesh needs a second or so for the longest of it; a busy machine may stand still for several.
DEADLINE = 120.0


class History:
    """Every version of one object since the watch began, as (type, object)."""

    def __init__(self) -> None:
        self.versions: list[tuple[str, Object]] = []
        self._news = asyncio.Condition()

    async def add(self, kind: str, obj: Object) -> None:
        async with self._news:
            self.versions.append((kind, obj))
            self._news.notify_all()

    async def until(self, is_reached: Callable[[Object], bool], deadline: float = DEADLINE) -> Object:
        """The first version that fits; TimeoutError with what was seen instead."""

        def found() -> Object | None:
            return next((obj for kind, obj in self.versions if kind != "DELETED" and is_reached(obj)), None)

        await self._wait_for(lambda: found() is not None, deadline)
        obj = found()
        assert obj is not None
        return obj

    async def until_flapped(self, edited: int) -> None:
        """Return when generation `edited` was seen not active, and active after that."""

        def last(status: str) -> int:
            found = [n for n, (_, obj) in enumerate(self.versions) if _is(obj, edited, status)]
            return found[-1] if found else -1

        await self._wait_for(lambda: 0 <= last("False") < last("True"), DEADLINE)

    async def until_deleted(self, deadline: float = DEADLINE) -> None:
        await self._wait_for(lambda: any(kind == "DELETED" for kind, _ in self.versions), deadline)

    def statuses(self) -> list[Conditions]:
        """What each version's conditions said, one entry per version."""
        return [conditions(obj) for _, obj in self.versions]

    async def _wait_for(self, is_reached: Callable[[], bool], deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline), self._news:
                await self._news.wait_for(is_reached)
        except TimeoutError:
            seen = "\n".join(f"{kind} {generation(obj)} {conditions(obj)}" for kind, obj in self.versions)
            raise TimeoutError(f"not seen within {deadline} s; seen:\n{seen}") from None


def generation(obj: Object) -> int:
    return int(obj["metadata"]["generation"])


def revision(obj: Object) -> int:
    """Its place in the order of all writes of the API server."""
    return int(obj["metadata"]["resourceVersion"])


def conditions(obj: Object) -> Conditions:
    """Status and reason ("" when absent) of each condition."""
    listed: Sequence[Object] = obj.get("status", {}).get("conditions", [])
    return {item["type"]: (item["status"], item.get("reason", "")) for item in listed}


def _is(obj: Object, edited: int, status: str) -> bool:
    return generation(obj) == edited and conditions(obj).get("ExperimentReady", ("", ""))[0] == status


def is_true(kind: str) -> Callable[[Object], bool]:
    return lambda obj: conditions(obj).get(kind, ("", ""))[0] == "True"


def is_false(kind: str) -> Callable[[Object], bool]:
    return lambda obj: conditions(obj).get(kind, ("", ""))[0] == "False"
