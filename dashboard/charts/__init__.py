"""Pure functions from records to figures; no Streamlit here. The same records give the same JSON, byte for byte."""
