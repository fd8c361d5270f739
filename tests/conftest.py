"""What holds for all tests: a slow machine is no failure, so no example of hypothesis has a time limit."""

from hypothesis import settings

settings.register_profile("hastwatch", deadline=None)
settings.load_profile("hastwatch")
