"""Methods of field epidemiology as functions of arrays: arrays in, findings out.

Knows no framework, no file and no clock; imports NumPy and SciPy alone, so that every method runs the same in a page,
a job, a notebook and a test.
"""
