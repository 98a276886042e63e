"""Raw text to comparable text: NIK, names, dates, sex.

One module a kind of value (:mod:`~pprl.normalise.nik`, :mod:`~pprl.normalise.name`,
:mod:`~pprl.normalise.date`, :mod:`~pprl.normalise.sex`), each with a function that takes an Arrow
column and returns arrays. The rules are tables under ``tables/``. Nothing here hashes, and no
error says a value. Import the module you need: each of them imports numba.
"""
