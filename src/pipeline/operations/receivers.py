"""The receivers of messages, through Apprise; the only module that imports it.

Their URLs hold secrets. Nothing of a URL but its scheme and its host is ever shown, and the host
only where a URL of its kind can't have a secret in that place.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType

from pipeline.operations.notices import Message, Tone

# A receiver that has not answered by then has not taken the message.
SEND_SECONDS: Final = 30.0

# A comma can be a part of a URL; one in front of the next URL's scheme separates.
_BETWEEN_URLS: Final = re.compile(r"[\s,]+(?=[A-Za-z0-9]+://)")

_TYPES: Final = {
    Tone.TROUBLE: NotifyType.WARNING,
    Tone.RELIEF: NotifyType.SUCCESS,
    Tone.TEST: NotifyType.INFO,
}


Send = Callable[[Message], bool]


class Receiver:
    """Somebody who is told.

    Args:
        name: what may be shown of the URL.
        send: sends a message; returns whether it was taken.
    """

    def __init__(self, name: str, send: Send) -> None:
        self.name = name
        self._send = send
        self._sending: threading.Thread | None = None

    def takes(self, message: Message, *, seconds: float = SEND_SECONDS) -> bool:
        """Sends a message; returns whether the receiver has taken it within that time.

        Sending goes on in a thread of its own: a receiver that hangs keeps nobody waiting for
        longer, and is sent nothing else before it is done.
        """
        if self._sending is not None and self._sending.is_alive():
            return False
        answers: list[bool] = []
        self._sending = threading.Thread(
            target=lambda: answers.append(self._send(message)), name=self.name, daemon=True
        )
        self._sending.start()
        self._sending.join(seconds)
        return answers == [True]


def open_receivers(urls: str) -> list[Receiver]:
    """The receivers of Apprise URLs, which stand behind each other, with commas or white space.

    A URL that can't be used becomes a receiver that takes no message.
    """
    opened = [_open(url) for url in _BETWEEN_URLS.split(urls.strip(" \t\r\n,")) if url]
    return [
        Receiver(name, send) for name, (_, send) in zip(_told_apart(opened), opened, strict=True)
    ]


def _told_apart(opened: list[tuple[str, Send]]) -> list[str]:
    """The names; the second of one name gets a number."""
    seen: Counter[str] = Counter()
    names = []
    for name, _ in opened:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _open(url: str) -> tuple[str, Send]:
    scheme, is_url, _ = url.lower().partition("://")
    found = Apprise.instantiate(url, asset=_asset())
    if found is None:
        return f"{f'{scheme}://' if is_url else 'a text'} (which is no URL of Apprise)", _refuse
    return _name(scheme, found), _sender(found)


def _name(scheme: str, found: NotifyBase) -> str:
    templates: tuple[str, ...] = found.templates
    is_host = bool(templates) and all("{host}" in template for template in templates)
    return f"{scheme}://{found.host}" if is_host and found.host else f"{scheme}://"


def _sender(found: NotifyBase) -> Send:
    def send(message: Message) -> bool:
        try:
            return found.notify(
                title=message.title,
                body=message.text,
                notify_type=_TYPES[message.tone],
                body_format=NotifyFormat.TEXT,
            )
        except Exception:  # noqa: BLE001  (whatever it is, its text can hold the URL)
            return False

    return send


def _refuse(_: Message) -> bool:
    return False


def _asset() -> AppriseAsset:
    """Keeps Apprise to itself: no files, no pictures from elsewhere, no other hosts."""
    return AppriseAsset(
        app_id="Doctor's office",
        app_desc="Doctor's office",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        image_path_mask=False,
        http_redirects=False,
        storage_mode="memory",
        async_mode=False,
        pgp_autogen=False,
        pem_autogen=False,
    )
