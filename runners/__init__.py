"""
How a model runs on one kind of device; knows nothing of storage, statistics or screens.

2026-11-24: ``wire`` (records to JSON and back), ``ending`` (how a worker ended) and ``handover`` (this package for
another Python) are modules of their own beside ``contract`` and ``launch``: each is one idea, and ``launch`` stays
readable.

2026-11-25: ``interpreter`` (how another Python is named) is the lowest of all, as engines and labels need it too.
``prompt`` (which tokens) and ``measuring`` (what stands round a timed loop) lie below the engines, as two of them use
both and engines import nothing of one another.
"""
