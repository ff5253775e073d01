"""Tables as people send them: CSV, XLSX and Parquet. `read` brings them in as text, `write` lets them out harmless."""
