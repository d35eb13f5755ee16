#!/usr/bin/env python3
"""The same work in Python with OpenCV, and the ratios to the benchmark's table.

Usage: picture_peer.py TABLE   where TABLE is what `cargo bench --bench picture` printed.

Both sides are judged by their fastest run, which on a busy machine says most about the work itself.
"""

import base64
import glob
import json
import os
import re
import sys
import time

import cv2
import numpy

cv2.setNumThreads(1)

SIZES = [(1280, 720), (1920, 1080)]
UNITS = {"ns": 1e-6, "µs": 1e-3, "ms": 1.0, "s": 1e3}


def frames(size):
    """The photographs of that size in the folder that SCALECAM_FRAMES names."""
    folder = os.environ.get("SCALECAM_FRAMES", "")
    files = [open(path, "rb").read() for path in sorted(glob.glob(os.path.join(folder, "*.jpg")))]
    return [file for file in files if cv2.imdecode(as_array(file), cv2.IMREAD_COLOR).shape[1::-1] == size]


def as_array(file):
    return numpy.frombuffer(file, numpy.uint8)


def body(file):
    text = base64.b64encode(file).decode("ascii")
    return json.dumps({"images": [{"camera_type": "generic", "image": text}]}).encode("ascii")


def passed(file):
    if not file.startswith(b"\xff\xd8") or not file.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError("not a whole JPEG")
    return body(file)


def cut(file):
    picture = cv2.imdecode(as_array(file), cv2.IMREAD_COLOR)
    height, width = picture.shape[:2]
    across = height * 5 // 3
    left = (width - across) // 2
    return picture[:, left : left + across]


def coded(picture, sampling=cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420):
    how = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    ok, file = cv2.imencode(".jpg", picture, how)
    if not ok:
        raise ValueError("not coded")
    return file.tobytes()


def cropped(file):
    return body(coded(cut(file)))


def fitted(file):
    return body(coded(cv2.resize(cut(file), (600, 360), interpolation=cv2.INTER_AREA)))


def verified(file):
    if cv2.imdecode(as_array(file), cv2.IMREAD_COLOR) is None:
        raise ValueError("not decoded")
    return body(file)


def masked(file):
    picture = cv2.imdecode(as_array(file), cv2.IMREAD_COLOR)
    picture[100:300, 100:300] = 128
    height, width = picture.shape[:2]
    across = height * 5 // 3
    left = (width - across) // 2
    return body(coded(picture[:, left : left + across]))


def yuyv(frame):
    picture = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_YUY2)
    return body(coded(picture, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422))


def nv12(frame):
    return body(coded(cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_NV12)))


def yuyv_fit(frame):
    picture = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_YUY2)
    height, width = picture.shape[:2]
    across = height * 5 // 3
    left = (width - across) // 2
    picture = picture[:, left : left + across]
    return body(coded(cv2.resize(picture, (600, 360), interpolation=cv2.INTER_AREA)))


def raw_yuyv(file):
    """The photograph as a camera's YUYV frame."""
    planar = cv2.cvtColor(cv2.imdecode(as_array(file), cv2.IMREAD_COLOR), cv2.COLOR_BGR2YUV)
    frame = planar[:, :, :2].copy()
    frame[:, 1::2, 1] = planar[:, ::2, 2]
    return frame


def raw_nv12(file):
    planar = cv2.cvtColor(cv2.imdecode(as_array(file), cv2.IMREAD_COLOR), cv2.COLOR_BGR2YUV)
    chroma = planar[::2, ::2, 1:].reshape(planar.shape[0] // 2, planar.shape[1])
    return numpy.vstack([planar[:, :, 0], chroma])


def fastest(work, files):
    times, until = [], time.perf_counter() + 2.0
    while len(times) < 30 or (time.perf_counter() < until and len(times) < 1000):
        file = files[len(times) % len(files)]
        start = time.perf_counter()
        work(file)
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def ours(table):
    """Fastest milliseconds by benchmark and size, from divan's table."""
    found, bench = {}, ""
    for line in open(table, encoding="utf-8"):
        if named := re.match(r"[├╰]─ (\w+)", line):
            bench = named[1]
        if timed := re.match(r"[│ ]\s+[├╰]─ \((\d+), (\d+)\)\s+([\d.]+) (ns|µs|ms|s)\b", line):
            size = (int(timed[1]), int(timed[2]))
            found[bench, size] = float(timed[3]) * UNITS[timed[4]]
    return found


def main():
    table = ours(sys.argv[1])
    print(f"{'mode':8} {'size':10} {'scalecam':>10} {'python':>10}   ratio")
    for size in SIZES:
        files = frames(size)
        if not files:
            sys.exit("set SCALECAM_FRAMES to a folder with photographs of 1280x720 and 1920x1080")
        yuyvs, nv12s = [raw_yuyv(file) for file in files], [raw_nv12(file) for file in files]
        for mode, work, inputs in [
            ("pass", passed, files),
            ("verify", verified, files),
            ("crop", cropped, files),
            ("masks", masked, files),
            ("fit", fitted, files),
            ("yuyv", yuyv, yuyvs),
            ("nv12", nv12, nv12s),
            ("yuyv_fit", yuyv_fit, yuyvs),
        ]:
            mine, theirs = table[mode, size], fastest(work, inputs)
            name = f"{size[0]}x{size[1]}"
            print(f"{mode:8} {name:10} {mine:7.3f} ms {theirs:7.3f} ms {theirs / mine:7.1f}")


if __name__ == "__main__":
    main()
