#!/usr/bin/env bash
# Measure afterglow against osipy and p-Brain on the same curves in the same run.
# They live in an environment of their own, because osipy needs Python 3.12 or later.
# Usage: scripts/bench_peers.sh [FOLDER OF THE ENVIRONMENT] [OPTIONS OF afterglow bench]
# WHAT=dsc measures DSC instead of DCE; PYTHON=python3.13 picks another Python.
set -euo pipefail
folder=${1:-.bench}
shift $(($# > 0))
if [ ! -x "$folder/bin/python" ]; then
    "${PYTHON:-python3.12}" -m venv "$folder"
fi
"$folder/bin/python" -m pip install --quiet osipy==0.1.4 p-brain==3.1.7
exec afterglow bench "${WHAT:-dce}" --peer-python "$folder/bin/python" "$@"
