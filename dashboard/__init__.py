"""
The Streamlit pages: see it, doubt it, take it away.

They read through ``collector.queries`` alone and never write. ``charts`` are pure functions from records to figures;
``views`` are pages, one a file; ``data`` keeps what was read per revision of the database; ``state`` is what stands in
the address; ``theme`` holds every colour and size.

2026-11-25: the statistics of every number on a page are those of ``collector.compare`` and ``collector.stats``, which
the command line prints too. A page has no arithmetic of its own.
"""
