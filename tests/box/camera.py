"""A USB camera in software: UVC 1.1 with a bulk endpoint, plugged into the machine over the usbredir protocol.

The guest's own uvcvideo drives it, so what is tested is the real driver. Protocol: usb-redirection-protocol.md 0.7;
descriptors: USB Device Class Definition for Video Devices 1.1, with its MJPEG and uncompressed payloads.
"""

import socket
import struct
import threading
import time

HELLO, CONNECT, DISCONNECT, RESET, INTERFACES, ENDPOINTS = 0, 1, 2, 3, 4, 5
SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION = 6, 7, 8
SET_ALTERNATE, GET_ALTERNATE, ALTERNATE = 9, 10, 11
CANCEL, CONTROL, BULK = 21, 100, 101
# capabilities: version in CONNECT, packet size in ENDPOINTS, 64-bit ids, 32-bit bulk lengths
CAPABILITIES = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6
OK, CANCELLED, STALL = 0, 1, 4
PAYLOAD = 16384  # one request of the driver: 32 packets of 512 bytes
YUY2 = bytes.fromhex("5955593200001000800000aa00389b71")


def interval(fps):
    return 10_000_000 // fps


def frame_descriptor(kind, index, width, height, fps):
    size = width * height * 2
    return struct.pack("<BBBBBHHIIIIBI", 30, 0x24, kind, index, 0, width, height, size * 8, size * 8 * fps, size,
                       interval(fps), 1, interval(fps))


def without_tables(picture):
    """The same JPEG file without its Huffman tables, as many webcams send it."""
    kept, at = picture[:2], 2
    while picture[at + 1] != 0xDA:
        length = 2 + int.from_bytes(picture[at + 2:at + 4], "big")
        if picture[at + 1] != 0xC4:
            kept += picture[at:at + length]
        at += length
    return kept + picture[at:]


def configuration(forms, modes, fps):
    """The configuration descriptor: each of the forms ("mjpeg", "yuyv") in every mode."""
    colours = bytes([6, 0x24, 0x0D, 1, 1, 4])
    formats = b""
    for index, form in enumerate(forms, 1):
        kind = 7 if form == "mjpeg" else 5
        if form == "mjpeg":
            formats += bytes([11, 0x24, 6, index, len(modes), 0, 1, 0, 0, 0, 0])
        else:
            formats += bytes([27, 0x24, 4, index, len(modes)]) + YUY2 + bytes([16, 1, 0, 0, 0, 0])
        formats += b"".join(frame_descriptor(kind, n + 1, w, h, fps) for n, (w, h) in enumerate(modes)) + colours
    head = struct.pack("<BBBBHBBBBBBB", 13 + len(forms), 0x24, 1, len(forms), 13 + len(forms) + len(formats), 0x81, 0, 2, 0, 0, 0, 1)
    head += bytes(len(forms))
    control = struct.pack("<BBBHHIBB", 13, 0x24, 1, 0x0110, 13 + 18 + 9, 48_000_000, 1, 1)
    control += struct.pack("<BBBBHBBHHHB3s", 18, 0x24, 2, 1, 0x0201, 0, 0, 0, 0, 0, 3, b"\0\0\0")
    control += struct.pack("<BBBBHBBB", 9, 0x24, 3, 2, 0x0101, 0, 1, 0)
    body = bytes([8, 0x0B, 0, 2, 0x0E, 3, 0, 2])
    body += bytes([9, 4, 0, 0, 0, 0x0E, 1, 0, 2]) + control
    body += bytes([9, 4, 1, 0, 1, 0x0E, 2, 0, 0]) + head + formats
    body += struct.pack("<BBBBHB", 7, 5, 0x81, 2, 512, 0)
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 2, 1, 0, 0x80, 250) + body


def text(words):
    return bytes([2 + 2 * len(words), 3]) + words.encode("utf-16-le")


class Camera:
    """Waits on a Unix socket for the machine. `frames` maps (width, height) to JPEG files' bytes.

    Faults, at any time: `stalled` (no frame, and no word about it), `hung` (the same until the device is reset, which opening it
    does not do), `bare` (no Huffman tables), and each n-th frame
    `cut` (it ends in the middle) or `flagged` (the camera itself says that it is bad); 0 is none of them.
    `pace`: frames a second that it really sends, as in bad light; never more than it promised.
    """

    def __init__(self, path, frames, serial="CAMERA0001", fps=30):
        self.frames, self.bare_frames = frames, {size: [without_tables(each) for each in files] for size, files in frames.items()}
        self.lock = threading.Lock()
        self.be(("mjpeg", "yuyv"), list(frames), fps)
        self.strings = [bytes([4, 3, 9, 4]), text("Practice"), text("USB camera"), text(serial)]
        self.pace = fps
        self.stalled = self.bare = self.hung = False
        self.cut = self.flagged = 0
        self.sent = 0
        self.pending = []
        self.link = None
        self.alive = threading.Event()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(1)
        threading.Thread(target=self.accept, daemon=True, name="camera").start()
        threading.Thread(target=self.stream, daemon=True, name="camera-frames").start()

    def be(self, forms, modes, fps):
        """What it offers from the next time on that it is plugged in."""
        with self.lock:
            self.forms, self.modes, self.fps = forms, modes, fps
            self.configuration = configuration(forms, modes, fps)
            self.probe = self.answer(1, 1)

    def answer(self, form, frame):
        """A probe answer of 34 bytes for a format and frame."""
        frame = min(max(frame, 1), len(self.modes))
        width, height = self.modes[frame - 1]
        return struct.pack("<HBBIHHHHHIIIBBBB", 1, form if 1 <= form <= len(self.forms) else 1, frame, interval(self.fps),
                           0, 0, 0, 0, 0, width * height * 2, PAYLOAD, 48_000_000, 3, 1, 1, 1)

    # --- the wire
    def accept(self):
        while True:
            link, _ = self.server.accept()
            with self.lock:
                self.link, self.pending = link, []
            try:
                self.serve(link)
            except OSError:
                pass
            with self.lock:
                self.link, self.pending = None, []
            link.close()

    def serve(self, link):
        self.send(link, HELLO, 0, b"scalecam practice camera".ljust(64, b"\0") + struct.pack("<I", CAPABILITIES), wide=False)
        wide = False
        while True:
            head = self.take(link, 16 if wide else 12)
            kind, length = struct.unpack("<II", head[:8])
            number = int.from_bytes(head[8:], "little")
            body = self.take(link, length)
            if kind == HELLO:
                wide = True
                self.introduce(link)
            else:
                self.packet(link, kind, number, body)

    @staticmethod
    def take(link, length):
        data = b""
        while len(data) < length:
            more = link.recv(length - len(data))
            if not more:
                raise OSError("the machine has gone")
            data += more
        return data

    @staticmethod
    def send(link, kind, number, body, wide=True):
        link.sendall(struct.pack("<IIQ" if wide else "<III", kind, len(body), number) + body)

    def introduce(self, link):
        types, intervals, interfaces, sizes = [255] * 32, [0] * 32, [0] * 32, [0] * 32
        types[0] = types[16] = 0
        sizes[0] = sizes[16] = 64
        types[17], interfaces[17], sizes[17] = 2, 1, 512
        self.send(link, INTERFACES, 0, struct.pack("<I", 2) + bytes([0, 1]).ljust(32, b"\0") + bytes([14, 14]).ljust(32, b"\0")
                  + bytes([1, 2]).ljust(32, b"\0") + bytes(32))
        self.send(link, ENDPOINTS, 0, bytes(types) + bytes(intervals) + bytes(interfaces) + struct.pack("<32H", *sizes))
        self.send(link, CONNECT, 0, struct.pack("<BBBBHHH", 2, 0xEF, 2, 1, 0x1D6B, 0x0102, 0x0100))

    def packet(self, link, kind, number, body):
        if kind == CONTROL:
            self.control(link, number, body)
        elif kind == BULK:
            with self.lock:
                self.pending.append(number)
        elif kind == CANCEL:
            with self.lock:
                was = number in self.pending
                if was:
                    self.pending.remove(number)
            if was:
                self.bulk(link, number, CANCELLED, b"")
        elif kind == RESET:
            self.hung = False
        elif kind in (SET_CONFIGURATION, GET_CONFIGURATION):
            self.send(link, CONFIGURATION, number, bytes([OK, 1]))
        elif kind in (SET_ALTERNATE, GET_ALTERNATE):
            self.send(link, ALTERNATE, number, bytes([OK, body[0], 0]))

    def bulk(self, link, number, status, data):
        self.send(link, BULK, number,
                  struct.pack("<BBHIH", 0x81, status, len(data) & 0xFFFF, 0, len(data) >> 16) + data)

    # --- what the driver asks
    def control(self, link, number, body):
        endpoint, request, kind, _, value, index, length = struct.unpack("<BBBBHHH", body[:10])
        data, status = b"", OK
        if kind == 0x80 and request == 6:
            data = self.descriptor(value >> 8, value & 0xFF)
            status = OK if data else STALL
        elif kind == 0xA1 and index & 0xFF == 1 and value >> 8 in (1, 2):
            if request == 0x85:
                data = struct.pack("<H", 34)
            elif request == 0x86:
                data = b"\3"
            else:
                data = self.probe
        elif kind == 0x21 and request == 1 and value >> 8 in (1, 2):
            self.probe = self.answer(body[12], body[13])
        elif kind in (0xA1, 0x21):
            status = STALL
        elif kind == 0x80 and request == 0:
            data = b"\0\0"
        data = data[:length]
        sized = len(data) if kind & 0x80 else length
        self.send(link, CONTROL, number,
                  struct.pack("<BBBBHHH", endpoint, request, kind, status, value, index, sized) + data)

    def descriptor(self, kind, number):
        if kind == 1:
            return struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xEF, 2, 1, 64, 0x1D6B, 0x0102, 0x0100, 1, 2, 3, 1)
        if kind == 2:
            return self.configuration
        if kind == 3 and number < len(self.strings):
            return self.strings[number]
        if kind == 6:
            return struct.pack("<BBHBBBBBB", 10, 6, 0x0200, 0xEF, 2, 1, 64, 1, 0)
        return b""

    # --- the pictures
    def stream(self):
        due, toggle, shown = time.monotonic(), 0, 0
        while True:
            due = max(due + 1 / min(self.fps, self.pace), time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            if self.stalled or self.hung:
                continue
            with self.lock:
                form, size = self.forms[self.probe[2] - 1], self.modes[self.probe[3] - 1]
            if form == "mjpeg":
                pictures = (self.bare_frames if self.bare else self.frames)[size]
                picture = pictures[shown % len(pictures)]
            else:
                picture = bytes([(shown * 5) & 0xFF, 128]) * (size[0] * size[1])
            shown += 1
            if self.cut and shown % self.cut == 0:
                picture = picture[:len(picture) // 2]
            if self.picture(picture, toggle, 0x40 if self.flagged and shown % self.flagged == 0 else 0):
                toggle ^= 1
                self.sent += 1

    def picture(self, picture, toggle, fault):
        """Sends one frame if the driver is waiting for one; a camera does not wait for its host."""
        step = PAYLOAD - 2
        parts = [picture[at:at + step] for at in range(0, len(picture), step)]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            end = time.monotonic() + 0.5
            while True:
                with self.lock:
                    link = self.link
                    request = self.pending.pop(0) if link and self.pending else None
                if request is not None:
                    break
                if number == 0 or link is None or time.monotonic() > end:
                    return number > 0
                time.sleep(0.001)
            try:
                self.bulk(link, request, OK, bytes([2, 0x80 | fault | toggle | (2 if last else 0)]) + part)
            except OSError:
                return False
        return True
