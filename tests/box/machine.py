"""The emulated box: one qemu process, its monitor, and the way to run a command inside."""

import base64
import json
import os
import select
import socket
import subprocess
import time


class Trouble(Exception):
    """A check that did not hold, or a machine that does not answer."""


def connect(path, limit=30):
    end = time.monotonic() + limit
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(path)
            return link
        except OSError:
            link.close()
            if time.monotonic() > end:
                raise Trouble(f"nothing listens on {path}") from None
            time.sleep(0.05)


class Lines:
    """Lines over a socket, each with a time limit."""

    def __init__(self, link):
        self.link, self.rest = link, b""

    def read(self, limit):
        end = time.monotonic() + limit
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.link], [], [], left)[0]:
                raise Trouble(f"no answer within {limit} s")
            more = self.link.recv(65536)
            if not more:
                raise Trouble("the machine has gone")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line


class Machine:
    """`folder` holds the sockets, the disk and the console's log of this run."""

    SCALE = {"driver": "usb-serial", "id": "scale", "bus": "usb.0", "chardev": "scale", "serial": "SCALE0001",
             "always-plugged": True}
    # a second lane's, plugged in later
    OTHER_SCALE = {**SCALE, "id": "other", "chardev": "other", "serial": "SCALE0002"}
    CAMERA = {"driver": "usb-redir", "id": "camera", "bus": "usb.0", "chardev": "camera"}

    def __init__(self, folder, cache, stamp, package):
        self.folder = folder
        path = lambda name: os.path.join(folder, name)
        self.command = [
            "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg,thread=multi",
            # on a machine that does much else one is quicker: two wait for each other where one of them gets no time
            "-smp", os.environ.get("SCALECAM_BOX_PROCESSORS", "2"),
            "-m", "1024", "-display", "none", "-nodefaults", "-no-reboot",
            "-kernel", f"{cache}/vmlinuz", "-initrd", f"{cache}/initrd-{stamp}.gz",
            "-append", "console=ttyAMA0 quiet loglevel=4 systemd.show_status=0",
            "-serial", f"file:{path('console.log')}", "-qmp", f"unix:{path('qmp')},server=on,wait=off",
            "-drive", f"file={path('disk.img')},format=raw,if=none,id=disk,cache=writeback",
            "-device", "virtio-blk-pci,drive=disk",
            "-drive", f"file={package},format=raw,if=none,id=package,readonly=on",
            "-device", "virtio-blk-pci,drive=package,serial=package",
            "-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net,id=wire",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=box,path={path('box')},server=on,wait=off",
            "-device", "virtserialport,chardev=box,name=box.agent",
            "-device", "qemu-xhci,id=usb",
            "-chardev", f"socket,id=scale,path={path('scale')},reconnect=1",
            "-chardev", f"socket,id=camera,path={path('camera')},reconnect=1",
        ]
        for device in (self.SCALE, self.CAMERA):
            words = [device["driver"]] + [f"{key}={'on' if value is True else value}" for key, value in device.items() if key != "driver"]
            self.command += ["-device", ",".join(words)]
        self.process = self.monitor = self.agent = None

    def start(self, clock=None):
        """Switches it on, with a clock that says something else if that is given (2015-01-01T00:00:00); answers after
        how many seconds commands can be run in it."""
        begin = time.monotonic()
        for name in ("qmp", "box"):
            if os.path.exists(os.path.join(self.folder, name)):
                os.remove(os.path.join(self.folder, name))
        with open(os.path.join(self.folder, "qemu.log"), "ab") as log:
            self.process = subprocess.Popen(self.command + (["-rtc", f"base={clock}"] if clock else []), stdout=log, stderr=log)
        self.monitor = Lines(connect(os.path.join(self.folder, "qmp")))
        self.monitor.read(30)
        self.ask("qmp_capabilities")
        self.agent = Lines(connect(os.path.join(self.folder, "box")))
        while self.agent.read(1800).strip() != b"ready":
            pass
        return time.monotonic() - begin

    def ask(self, command, **arguments):
        """One command of the machine's monitor."""
        self.monitor.link.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.monitor.read(60))
            if "error" in answer:
                raise Trouble(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def run(self, command, limit=120, check=True):
        """Runs a shell command inside and gives its output."""
        self.agent.link.sendall(base64.b64encode(command.encode()) + b"\n")
        code, _, output = self.agent.read(limit).partition(b" ")
        output = base64.b64decode(output).decode(errors="replace").strip()
        if check and code != b"0":
            raise Trouble(f"`{command}` ended with {code.decode()}: {output[-2000:]}")
        return output

    def unplug(self, device):
        """As by hand; it is gone when the machine says so."""
        self.ask("device_del", id=device["id"])

    def plug(self, device, new=False):
        if new or device["driver"] == "usb-redir":
            # the driver usb-redir takes its far end with it when it goes
            address = {"type": "unix", "data": {"path": os.path.join(self.folder, device["chardev"])}}
            self.ask("chardev-add", id=device["chardev"],
                     backend={"type": "socket", "data": {"addr": address, "server": False, "reconnect": 1}})
        self.ask("device_add", **device)

    def wire(self, up):
        self.ask("set_link", name="wire", up=up)

    def cut_power(self):
        """What is in the guest's memory alone is lost."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
