"""What a store's client tells of a request that is tried again, and of one that works."""

from rm_ray.store.retry import Retry


def failing(request="writing a", next_s=60.0, since=0.0):
    return Retry(request, "it is away", since, since + 900, next_s, first=True)


def works(request="writing a"):
    return Retry(request, "", 0, 0, 0, first=False)
