#!/usr/bin/env bash
# The wheel on its own: build it, install it into a clean environment, and use it from an empty folder.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

.venv/bin/python -m build --wheel --outdir "$work/dist" . > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
python3 -m venv "$work/venv"
# Dependencies at the lock's versions; the wheel itself is all that comes from this repository.
wheel=$(echo "$work"/dist/*.whl)
"$work/venv/bin/python" -m pip install --quiet --constraint requirements.lock "$wheel"

# FAISS comes with an extra, so that a wheel for the CPU and one for GPUs never meet; without, an error names it.
(cd "$work" && "$work/venv/bin/python" - <<'PYTHON'
from tersus.errors import NotInstalled
from tersus.indexes import create_index

try:
    create_index("flat", 3)
except NotInstalled as error:
    assert "tersus[cpu]" in error.hint, error
else:
    raise SystemExit("FAISS came without an extra")
PYTHON
)
"$work/venv/bin/python" -m pip install --quiet --constraint requirements.lock "${wheel}[cpu]"

cd "$work"
export TERSUS_HOME="$work/home"
tersus="$work/venv/bin/tersus"
"$tersus" --version
"$tersus" db upgrade
"$tersus" db current
"$tersus" compressors
printf 'The assert statement raises AssertionError. Lists are ordered. Nothing else matters here.\n' > note.txt
"$tersus" ingest note.txt --collection notes
"$tersus" query "What does assert raise?" --collection notes --context-only --ratio 0.5 --json > answer.json
"$tersus" savings --json > savings.json
"$work/venv/bin/python" - <<'PYTHON'
import json

answer = json.load(open("answer.json"))
for passage in answer["passages"]:
    for span in passage["kept"]:
        assert passage["text"][span["start"] : span["end"]] in passage["sent"]
total = json.load(open("savings.json"))["total"]
assert answer["tokens_after"] < answer["tokens_before"], answer
assert total["tokens_saved"] == answer["tokens_before"] - answer["tokens_after"], total
PYTHON
leaked=$("$work/venv/bin/python" -c "import tersus.rag.app as app; print(app.__file__)")
case "$leaked" in
    "$root"/*) echo "the clean environment imports the checkout: $leaked"; exit 1 ;;
esac
echo "package: the wheel works on its own"
