"""Settings that all tests share."""

from hypothesis import settings

# A slow machine isn't a failure: no test asserts time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
