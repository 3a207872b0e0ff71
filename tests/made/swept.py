"""What the small store of exported models is made from."""

from __future__ import annotations

from trainables.data.hub import open_data

DEMO = open_data("demo")
TARGETS = (("xnli",), ("udpos",), ("xquad", "mlqa"))


def said(capsys) -> str:
    return " ".join(capsys.readouterr().err.split())
