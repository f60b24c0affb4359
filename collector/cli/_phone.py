"""A run on a paired phone: which one, whether the bridge is there, and what the phone has for the plan."""

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event as Cancel
from typing import Any

from rich.console import Console

from collector import queries
from collector.cli._common import warn
from collector.errors import PhibenchError, UsageError
from collector.paths import bridge_folder, database_file, shown
from collector.remote import RemoteDevice, Wanted, find_device, for_device
from collector.store import Store
from collector.suite import Plan, Suite
from runners.bridge import folder as bridge
from runners.bridging import PairedDevice


def named(db: str, ref: str) -> PairedDevice:
    """
    The paired device that a person means, ready to be asked.

    Raises:
        UsageError: there is none of this name, or several.
        PhibenchError: no bridge runs that it could reach.
    """
    if not queries.exists(db):
        raise UsageError(f"there is no device {ref!r}: none is paired", "phibench bridge pair")
    with Store.open(db) as store:
        device = find_device(ref, store.devices.every())
    if not is_bridge_up(db):
        other = bridge.running(bridge_folder(db))
        if other is not None:
            message = f"the bridge at {other.url} serves another database, {shown(other.database)}"
            raise PhibenchError(message, f"end it, then: phibench bridge serve --db {shlex.quote(db)}")
        message = f"{device.name} cannot be reached: no bridge runs for this database"
        raise PhibenchError(message, "phibench bridge serve --host 0.0.0.0   (in another terminal; --db as here)")
    return device


def of_plan(db: str, plan: Plan) -> PairedDevice | None:
    """The device of a stored plan; None when it is this machine's."""
    return None if plan.device_id is None else named(db, plan.device_id)


def is_bridge_up(db: str) -> bool:
    """Whether a bridge serves this database now."""
    found = bridge.running(bridge_folder(db))
    return found is not None and found.database in {"", database_file(db)}


def plan_for(suite: Suite, device: PairedDevice, asked: Mapping[str, Any], seed: int) -> Plan:
    """
    The plan of a suite on a device, with what the command line names.

    Raises:
        UsageError: the device has no such engine, model or option.
    """
    wanted = Wanted(models=asked["model_names"], engines=asked["engines"], quants=asked["quants"], arms=asked["arms"])
    plan = for_device(suite, device, wanted, seed=seed)
    if not asked["model_names"] and not asked["arms"] and not suite.arms:
        missing = [name for name in suite.models if name not in {arm.model.model for arm in plan.arms}]
        if missing:
            warn(f"{device.name} does not have {', '.join(missing)}, which the suite names; it is left out")
    return plan


def launcher(
    device: PairedDevice, store: Store, db: str, *, cancel: Cancel, on_wait: Callable[[str], None]
) -> RemoteDevice:
    """What runs launches on a device."""
    return RemoteDevice(
        orders=store.orders,
        device=device,
        cancel=cancel,
        on_wait=on_wait,
        is_bridge_up=partial(is_bridge_up, db),
    )


def announce(console: Console, device: PairedDevice) -> None:
    """Where the launches will run."""
    hello = device.hello
    what = (hello.device.product_type or hello.device.name) if hello else "never heard of"
    system = f", {hello.device.os_name} {hello.device.os_version or ''}".rstrip() if hello else ""
    console.print(f"device  {device.name}: {what}{system}; each launch loads its model anew", highlight=False)
