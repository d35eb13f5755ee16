#!/usr/bin/env python3
"""The same work as the picture modes, in Python with OpenCV on one thread.

Reads lines of work, width, height and number of a photograph, does the work once, and answers with the nanoseconds of
processor time it took. benches/picture_beside.rs asks.
"""

import base64
import glob
import json
import os
import sys
import time

import cv2
import numpy

cv2.setNumThreads(1)



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


WORKS = {
    "pass": (passed, None),
    "verify": (verified, None),
    "crop": (cropped, None),
    "masks": (masked, None),
    "fit": (fitted, None),
    "yuyv": (yuyv, raw_yuyv),
    "yuyv_fit": (yuyv_fit, raw_yuyv),
    "nv12": (nv12, raw_nv12),
}


def main():
    inputs = {}
    for line in sys.stdin:
        name, width, height, photograph = line.split()
        work, convert = WORKS[name]
        key = (convert, int(width), int(height))
        if key not in inputs:
            files = frames(key[1:])
            inputs = {key: [convert(file) for file in files] if convert else files}
        frame = inputs[key][int(photograph)]
        start = time.thread_time_ns()
        work(frame)
        print(time.thread_time_ns() - start, flush=True)


if __name__ == "__main__":
    main()
