"""Agents that the pool's tests run, given to it as `path:function`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallel_agents.core.errors import ItemError, UnscoredError
from parallel_agents.ports.context import Context

Answer = Mapping[str, Any]


async def echo(context: Context) -> Answer:
    return {"input": dict(context.input), "attempt": context.attempt, "pid": os.getpid()}


async def raises(context: Context) -> Answer:
    raise ValueError(f"no good: {context.input['text']}")


async def gives_up(context: Context) -> Answer:
    raise ItemError("never")


async def unscored(context: Context) -> Answer:
    raise UnscoredError("cannot judge")


async def asks(context: Context) -> Answer:
    answer = await context.model.complete(context.input["text"])
    return {"answer": answer.text}


async def catches_a_model_error(context: Context) -> Answer:
    try:
        await context.model.complete("x")
    except ItemError as error:
        return {"caught": str(error)}
    return {"caught": None}


async def ignores_everything_a_call_raises(context: Context) -> Answer:
    while True:
        try:
            await context.model.complete("x")
        except Exception:  # that is the point
            continue


async def reports(context: Context) -> Answer:
    context.progress(0.5, "half")
    context.progress(2.0, "more than all")
    return {}


async def hangs(context: Context) -> Answer:
    context.progress(None, "hanging")
    await asyncio.Event().wait()
    return {}


async def holds_the_interpreter(context: Context) -> Answer:
    context.progress(None, "holding")
    return {"matched": bool(re.match(r"(a+)+b", "a" * 60))}


async def exits(context: Context) -> Answer:
    os._exit(7)


async def exits_politely(context: Context) -> Answer:
    sys.exit(3)


async def kills_itself(context: Context) -> Answer:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


async def stops_itself(context: Context) -> Answer:
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


async def returns_a_list(context: Context) -> Any:
    return [1]


async def returns_an_object(context: Context) -> Answer:
    return {"what": object()}


async def returns_much(context: Context) -> Answer:
    return {"text": "中" * (int(context.input["bytes"]) // 3)}


async def grows(context: Context) -> Answer:
    kept: list[bytearray] = []
    while True:
        kept.append(bytearray(1024 * 1024))
        context.progress(None, str(len(kept)))


async def maps_shared_memory(context: Context) -> Answer:
    import mmap

    size = int(context.input["size"]) * 1024 * 1024
    shared = mmap.mmap(-1, size)
    for offset in range(0, size, 4096):
        shared[offset] = 1
    context.progress(None, "mapped")
    await asyncio.Event().wait()
    return {}


async def prints(context: Context) -> Answer:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    os.write(1, b"raw\n")
    return {}


async def starts_a_child(context: Context) -> Answer:
    child = subprocess.Popen(  # noqa: ASYNC220 - what a careless agent does
        [sys.executable, "-c", "import time; time.sleep(600)"]
    )
    context.progress(None, str(child.pid))
    await asyncio.Event().wait()
    return {}


async def blocks(context: Context) -> Answer:
    context.progress(None, "blocking")
    time.sleep(float(context.input["seconds"]))  # noqa: ASYNC251 - what a careless agent does
    return {}


async def writes_a_file(context: Context) -> Answer:
    (context.workdir / "note.txt").write_text("x", encoding="utf-8")
    return {"workdir": str(context.workdir)}


async def ends_when_told(context: Context) -> Answer:
    gate, done = Path(str(context.input["gate"])), Path(str(context.input["done"]))
    while not gate.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)
    done.touch()  # noqa: ASYNC240
    return {"done": done.name}


async def main_module(context: Context) -> Answer:
    main = sys.modules["__main__"]
    return {"file": getattr(main, "__file__", None)}


def not_async(context: Context) -> Answer:
    return {}
