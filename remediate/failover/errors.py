"""How a step ends when it does not simply succeed."""


class StepFailed(Exception):
    """The step did not have its effect by its deadline; the text says what was seen instead."""


class NoDevice(StepFailed):
    """The device of a primary did not come because of FreeBSD bug 292322: it will not come the next time either."""


class NotYet(StepFailed):
    """What has to be so before anything is done has not come about: nothing was done, and it may be tried again."""


class Superseded(Exception):
    """What was planned is not wanted any more: CARP, or an operator, has said something else meanwhile."""


class HeardAgain(Superseded):
    """Nor is it where the other node, which was gone, is heard again before anything was written."""


class SplitBrainFound(Superseded):
    """Nor is it where hastd has reported a split-brain meanwhile, by which the copy that is promoted loses."""
