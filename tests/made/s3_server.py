"""moto's S3 server, one request at a time: a condition and the writing that hangs on it are one step, as in S3 itself.

`python -m tests.made.s3_server PORT`
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

_APPLICATION = DomainDispatcherApplication(create_backend_app)
_ONE = threading.Lock()


def answer(environ: Any, start_response: Any) -> Iterable[bytes]:
    with _ONE:
        return list(_APPLICATION(environ, start_response))


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), answer, threaded=True)
