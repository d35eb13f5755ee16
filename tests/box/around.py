"""What stands around the box: the practice scale on its cable, and the practice recognition service."""

import json
import os
import select
import socket
import subprocess
import threading
import time
import tty


class Pulse:
    """Knows when this machine stood still: a thread that wants to wake every 50 ms, and does not."""

    LATE = 0.3

    def __init__(self):
        self.stood_still = []
        threading.Thread(target=self.beat, daemon=True, name="pulse").start()

    def beat(self):
        while True:
            begin = time.monotonic()
            time.sleep(0.05)
            if time.monotonic() - begin > self.LATE:
                self.stood_still.append(time.monotonic())

    def since(self, when):
        return sum(each > when for each in self.stood_still)


class Program:
    """A practice part as a process; its lines of JSON are kept with the time they came."""

    def __init__(self, command, log):
        self.events, self.lock = [], threading.Lock()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            event = json.loads(line)
            event["heard"] = time.monotonic()
            with self.lock:
                self.events.append(event)

    def since(self, mark=0):
        with self.lock:
            return self.events[mark:]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Scale(Program):
    """The practice scale; its terminal is bridged to a Unix socket, which is the far end of the box's adapter."""

    def __init__(self, program, folder, log, name="scale", protocol="mt-sics", seed=1, hurry=2):
        link = os.path.join(folder, f"{name}.terminal")
        super().__init__([program, "practice", "scale", "--protocol", protocol, "--seed", str(seed), "--hurry", str(hurry), "--link", link], log)
        end = time.monotonic() + 30
        while not os.path.exists(link) and time.monotonic() < end:
            time.sleep(0.02)
        self.terminal = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.terminal)
        self.silent = False  # the cable is in, and nothing comes through
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(os.path.join(folder, name))
        self.server.listen(1)
        threading.Thread(target=self.accept, daemon=True, name="cable").start()

    def accept(self):
        while True:
            link, _ = self.server.accept()
            try:
                while self.carry(link):
                    pass
            except OSError:
                pass
            link.close()

    def carry(self, link):
        ready, _, _ = select.select([link, self.terminal], [], [])
        if self.terminal in ready:
            data = os.read(self.terminal, 4096)
            if not self.silent:
                link.sendall(data)
        if link in ready:
            data = link.recv(4096)
            if not data:
                return False
            if not self.silent:
                os.write(self.terminal, data)
        return True


class Service(Program):
    """The practice recognition service on the host's loopback, which the box sees as its gateway."""

    def __init__(self, program, folder, log, key, port=0, faults=(), delay_ms=0):
        self.ca_file = os.path.join(folder, "ca.pem")
        key_file = os.path.join(folder, "key")
        with open(key_file, "w") as file:
            file.write(key)
        command = [program, "practice", "service", "--port", str(port), "--api-key-file", key_file, "--ca-file",
                   self.ca_file, "--delay-ms", str(delay_ms)]
        if faults:
            command += ["--faults", ",".join(faults)]
        super().__init__(command, log)
        end = time.monotonic() + 30
        while not self.since() and time.monotonic() < end:
            time.sleep(0.02)
        # by name: the box resolves it to its gateway, which is this machine
        self.url = self.since()[0]["url"].replace("127.0.0.1", "localhost")
        self.port = int(self.url.split(":")[2].split("/")[0])

    def requests(self):
        return [event for event in self.since() if "weighing" in event]

    def reports(self):
        """Those that it took, in their order."""
        return [event for event in self.since() if "report" in event and event["status"] == 200]
