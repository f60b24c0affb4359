"""The probe's child: ``python -P -m runners.probe [--threads N] [--seconds S]``."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from runners import device
from runners.errors import RunnerError
from runners.probe import DURATION_S
from runners.probe.reading import buffer_bytes, read_memory
from runners.wire import to_wire


def main(words: Sequence[str] | None = None) -> int:
    """Print {"bandwidth": ...}, or {"failed": ...} with the reason."""
    parser = argparse.ArgumentParser(prog="python -P -m runners.probe", description="memory read bandwidth, as JSON")
    parser.add_argument("--threads", type=int, help="readers; default: the CPUs that this process may use")
    parser.add_argument("--seconds", type=float, default=DURATION_S, help="time of the reading itself")
    asked = parser.parse_args(words)
    n_threads = asked.threads or device.allowed_logical_cpus()
    try:
        room = buffer_bytes(n_threads, device.last_level_cache_bytes(), device.available_memory_bytes())
        found = read_memory(n_threads, room, asked.seconds)
    except RunnerError as exc:
        answer: dict[str, Any] = {"failed": {"kind": exc.kind, "words": [exc.message, exc.remedy]}}
    else:
        answer = {"bandwidth": to_wire(found)}
    print(json.dumps(answer))  # noqa: T201  # the child's whole answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
