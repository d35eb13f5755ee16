#!/bin/sh
# The picture modes beside the same work in Python with OpenCV: the table of docs/pictures.md.
# Needs SCALECAM_FRAMES (a folder of photographs) and a Python with opencv-python-headless (PYTHON, default python3).
set -eu
cd "$(dirname "$0")/.."
cargo bench --locked --bench picture_beside -- "$@"
