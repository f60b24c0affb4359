"""What the command line asks of a suite: options that replace its fields, and which of them exclude one another."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from collector.errors import UsageError
from collector.plan import arm_specs
from collector.suite import ArmSpec, Suite


def check_together(asked: Mapping[str, Any], *, has_suite: bool, is_resumed: bool, like: str | None) -> None:
    """
    Refuse options that contradict one another.

    Raises:
        UsageError: the message names both.
    """
    if asked["n_blocks"] and (asked["precision_frac"] or asked["max_blocks"]):
        raise UsageError(
            "--blocks fixes the number of blocks, --precision and --max-blocks let the intervals decide",
            "give one or the other",
        )
    if like and (is_resumed or has_suite or is_any_given(asked)):
        raise UsageError(
            "--like repeats a run exactly, so it takes no suite and no other option of what is run",
            f"phibench run --like {like}",
        )


def is_any_given(asked: Mapping[str, Any]) -> bool:
    """Whether any option of what is run was given; the seed 0 is one."""
    return any(value or (name == "seed" and value is not None) for name, value in asked.items())


def adjusted(suite: Suite, asked: Mapping[str, Any]) -> Suite:
    """The suite with what the command line puts in place of its fields."""
    changes = {name: asked[name] for name in ("budget_s", "duration_s", "timeout_s") if asked[name] is not None}
    if asked["no_gate"]:
        changes["gate"] = None
    if asked["n_blocks"]:
        changes["n_blocks"] = asked["n_blocks"]
    elif asked["precision_frac"] or asked["max_blocks"]:
        changes["n_blocks"] = None
        changes |= {name: asked[name] for name in ("precision_frac", "max_blocks") if asked[name]}
    return replace(suite, **changes)


def specs(suite: Suite, asked: Mapping[str, Any]) -> tuple[ArmSpec, ...]:
    """
    The arms that are asked for.

    Raises:
        UsageError, RunnerUnavailable: a text that cannot be read, an unknown engine or option.
    """
    names = {name: asked[name] for name in ("model_names", "quants", "engines", "arms")}
    return arm_specs(suite, **names)
