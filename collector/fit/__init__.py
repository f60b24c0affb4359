"""
Whether a model fits on a device, by how much, and how fast it may decode there: predictions, with what they rest on.

Nothing here is measured except a bandwidth that is passed in. Memory is the prediction of ``physics`` for the engine
whose format it is; the band of rates is the share of a bandwidth that published rates of that class of device reach,
over the bytes of a token. It says nothing of prefill, whose peak no table gives reliably, nor of heat.
"""

from collector.fit.prediction import QUANTS, predict, weights_bytes
from collector.fit.records import Band, Basis, Fit, Here, Room, RoomKind, Verdict
from collector.fit.table import Place, needs, places, rooms_of

__all__ = [
    "QUANTS",
    "Band",
    "Basis",
    "Fit",
    "Here",
    "Place",
    "Room",
    "RoomKind",
    "Verdict",
    "needs",
    "places",
    "predict",
    "rooms_of",
    "weights_bytes",
]
