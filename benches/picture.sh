#!/bin/sh
# Each picture mode beside the same work in Python with OpenCV, in one run, as ratios.
# Needs SCALECAM_FRAMES (a folder of photographs) and a Python with opencv-python-headless (PYTHON, default python3).
set -eu
cd "$(dirname "$0")/.."
table=$(mktemp)
trap 'rm -f "$table"' EXIT
cargo bench --locked --bench picture | tee "$table"
"${PYTHON:-python3}" benches/picture_peer.py "$table"
