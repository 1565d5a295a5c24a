"""A fake gateway, a logged-in configuration folder of its own, and `corral` as one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from cli.client import contexts
from cli.main import main
from tests.cli.fake_gateway import FakeGateway, serving


@attrs.frozen
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str


Corral = Callable[..., Ran]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is read or written; the cache is shared to keep the tests quick."""
    for name in (
        "CORRAL_URL",
        "CORRAL_TOKEN",
        "CORRAL_CA_FILE",
        "CORRAL_CONTEXT",
        "CORRAL_PASSWORD",
        "_CORRAL_COMPLETE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CORRAL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("CORRAL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CORRAL_DEBUG", "1")


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    with serving(FakeGateway()) as made:
        contexts.remember(contexts.GatewayContext(name="test", url=made.url, token="token-1", user="admin@internal"))
        yield made


@pytest.fixture
def corral(capsys: pytest.CaptureFixture[str]) -> Corral:
    def run(*words: str) -> Ran:
        capsys.readouterr()
        code = main(words)
        output = capsys.readouterr()
        return Ran(code, output.out, output.err)

    return run


@pytest.fixture
def script(corral: Corral, tmp_path: Path) -> Corral:
    """`corral shell --file` with these lines; it goes on after a line that failed."""

    def run(*lines: str) -> Ran:
        file = tmp_path / "lines"
        file.write_text("\n".join(lines))
        return corral("shell", "--keep-going", "--file", str(file))

    return run
