"""Tables in, files out: CSV, spreadsheets and Parquet as batches of text, and safe writing.

=====================  =====================================================================
:mod:`~.source`        the contract, and :func:`~.source.open_source`, which picks the reader
:mod:`~.delimited`     CSV: delimiter and encoding found, every malformed row named
:mod:`~.scan`          the byte scanner that guards the CSV parser
:mod:`~.spreadsheet`   .xlsx, .xls, .xlsb and .ods: titles above, totals below, the header between
:mod:`~.parquet`       Parquet, row group by row group
:mod:`~.columns`       which column is the NIK, which the name, ...
:mod:`~.atomic`        results appear whole or not at all
=====================  =====================================================================

No error raised here holds a cell's text: rows are named by number, columns by header.
"""
