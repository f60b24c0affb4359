"""The Streamlit pages; an empty room until they are built. Reads through collector.queries alone."""
