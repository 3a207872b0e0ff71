"""Settings of all tests: hypothesis draws the same examples every time and has no clock; busy machines pass."""

from hypothesis import settings

settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")
