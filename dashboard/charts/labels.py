"""Names beside points, moved up or down until none lies over another."""

from collections.abc import Sequence

LINE_PX = 16.0
"""Height of a line of text with a little room."""


def shifts(heights_px: Sequence[float], apart_px: float = LINE_PX) -> list[float]:
    """
    How far each label moves, in pixels, upwards positive, so that any two are ``apart_px`` apart.

    They keep their order and move as little as the closest group needs: each group is centred on where it would be.

    Args:
        heights_px: of the labels, from any line, upwards positive; shape (n,).
    """
    order = sorted(range(len(heights_px)), key=lambda i: heights_px[i])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _bottom(groups[-1], heights_px, apart_px) < (
            _bottom(groups[-2], heights_px, apart_px) + apart_px * len(groups[-2])
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    found = [0.0] * len(heights_px)
    for group in groups:
        for place, index in enumerate(group):
            found[index] = _bottom(group, heights_px, apart_px) + place * apart_px - heights_px[index]
    return found


def _bottom(group: Sequence[int], heights_px: Sequence[float], apart_px: float) -> float:
    """Where the lowest of a group stands when the whole is centred on its mean."""
    return sum(heights_px[i] for i in group) / len(group) - (len(group) - 1) * apart_px / 2
