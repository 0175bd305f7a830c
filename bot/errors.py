"""The error tree. Every error carries its HTTP status and its protocol code; both are translated at the edge only.

ZhikeError (500, unavailable)
├── BadInput (400, bad_frame)         what was sent cannot be understood
│   └── TooLong (413, too_long)       it is longer than allowed
├── Forbidden (403, forbidden)        the sender may not do this
├── NotFound (404, forbidden)         there is no such thing for this sender
├── Conflict (409, bad_frame)         somebody was faster, or it exists already
├── RateLimited (429, rate_limited)   too many at once
├── Unavailable (503, unavailable)    a part that is needed does not answer
├── SettingError                      a setting is missing or wrong; stops the start
├── DataError                         training or evaluation data cannot be used
└── ModelError                        a trained model is missing, changed or of another version
"""


class ZhikeError(Exception):
    """Base of all errors that Zhike raises on purpose; its text is fit to be shown."""

    status = 500
    code = "unavailable"


class BadInput(ZhikeError):
    """What was sent cannot be understood."""

    status = 400
    code = "bad_frame"


class TooLong(BadInput):
    """What was sent is longer than allowed."""

    status = 413
    code = "too_long"


class Forbidden(ZhikeError):
    """The sender may not do this."""

    status = 403
    code = "forbidden"


class NotFound(ZhikeError):
    """There is no such thing for this sender."""

    status = 404
    code = "forbidden"


class Conflict(ZhikeError):
    """Somebody was faster, or it exists already."""

    status = 409
    code = "bad_frame"


class RateLimited(ZhikeError):
    """Too many at once."""

    status = 429
    code = "rate_limited"


class Unavailable(ZhikeError):
    """A part that is needed does not answer."""

    status = 503
    code = "unavailable"


class SettingError(ZhikeError):
    """A setting is missing or wrong; it stops the start."""


class DataError(ZhikeError):
    """Training or evaluation data cannot be used."""


class ModelError(ZhikeError):
    """A trained model is missing, was changed, or is of another version."""


def in_short(error: Exception) -> str:
    """An error for a log: its text when it is one of ours, which hold no words of customers; otherwise its kind."""
    return str(error) if isinstance(error, ZhikeError) else type(error).__name__
