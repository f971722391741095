"""Takes passwords and tokens out of anything that is shown, logged or raised."""

import re

# Everything from the colon after the user to the last @ before a blank: a password may hold an @
# or a slash that somebody forgot to escape, and hiding too much is the smaller harm.
_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@?#]*):\S*@", re.IGNORECASE)
_QUERY = re.compile(
    r"(?P<key>[?&;][^=&;#\s]*"
    r"(?:token|secret|pass|pwd|key|auth|sig|signature|credential|session|jwt|sas)"
    r"[^=&;#\s]*=)[^&;#\s'\"]*",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """`text` with the secrets of every URL in it replaced by `***`.

    user:password@ becomes user:***@, and the value of a query key that sounds like a secret
    (token, api_key, password, auth, signature, ...) becomes ***.
    """
    return _QUERY.sub(r"\g<key>***", _PASSWORD.sub(r"\g<before>:***@", text))
