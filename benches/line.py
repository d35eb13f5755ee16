#!/usr/bin/env python3
"""Measures the session against stock clients on a line with a round trip of 50 ms, and prints one table.

Run as root: it joins two network namespaces by a pair of TUN devices and passes packets between them with a delay,
a rate and a queue. TCP runs from end to end, so that congestion windows behave as on a real line. It needs iproute2,
Python's requests and cargo.

    benches/line.py                 everything but the pause of ten minutes: about nine minutes
    benches/line.py --long          that one too: 22 minutes more
    benches/line.py --only NAMES    some rows alone, by a part of their names; --window kept|default: one table alone
"""
import argparse
import collections
import ctypes
import datetime
import fcntl
import heapq
import os
import queue
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# several may run beside each other
CLIENT, SERVER = f"line-client-{os.getpid()}", f"line-server-{os.getpid()}"
ADDRESSES = {CLIENT: "10.98.0.1", SERVER: "10.98.0.2"}
DELAY = 0.025
PEERS = ["ours", "reqwest", "kept", "new"]
TITLES = {"ours": "scalecam", "reqwest": "reqwest, kept", "kept": "requests, kept", "new": "requests, new"}
BODY = 130_000
# a load leaves zero that long before it has settled
ARM = 0.8
# whoever has no answer by then is not waited for
LIMIT = 40.0


def hurry(priority):
    """Before whatever else the machine does, so that the line is measured and not the load; children inherit it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except OSError:
        print("without priority: other work on this machine will show", file=sys.stderr)


def run(*words):
    subprocess.run(words, check=True)


class Line:
    """The packets' way, in a process of its own. Commands come as text through a pipe."""

    def __init__(self):
        self.devices = []
        for namespace, name in ((CLIENT, f"near{os.getpid()}"), (SERVER, f"far{os.getpid()}")):
            run("ip", "netns", "add", namespace)
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            # TUNSETIFF with IFF_TUN | IFF_NO_PI; the device stays with its descriptor when it changes namespace
            fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))
            run("ip", "link", "set", name, "netns", namespace)
            inside = ["ip", "-n", namespace]
            run(*inside, "link", "set", "lo", "up")
            run(*inside, "addr", "add", ADDRESSES[namespace] + "/24", "dev", name)
            run(*inside, "link", "set", name, "up", "mtu", "1500", "txqueuelen", "1000")
            stock = ["net.ipv4.tcp_no_metrics_save=1", "net.ipv4.tcp_rmem=4096 131072 6291456"]
            stock.append("net.ipv4.tcp_wmem=4096 16384 4194304")
            run("ip", "netns", "exec", namespace, "sysctl", "-q", "-w", *stock)
            # by the route, because a namespace may not choose for itself
            route = [*inside, "route", "replace", "10.98.0.0/24", "dev", name, "proto", "kernel", "scope", "link"]
            run(*route, "src", ADDRESSES[namespace], "congctl", "cubic")
            self.devices.append(device)
        orders, self.orders = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self.orders)
            try:
                carry(*self.devices, orders)
            finally:
                os._exit(0)

    def tell(self, order):
        os.write(self.orders, (order + "\n").encode())
        time.sleep(0.05)

    def end(self):
        os.close(self.orders)
        os.waitpid(self.process, 0)
        for namespace in (CLIENT, SERVER):
            subprocess.run(["ip", "netns", "del", namespace])


def client_port(packet, upward):
    """The client's port of a TCP packet."""
    if len(packet) < 24 or packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    at = (packet[0] & 15) * 4 + (0 if upward else 2)
    return packet[at] << 8 | packet[at + 1]


def carry(near, far, orders):
    """Passes packets on until the orders end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hurry(20)
    # PR_SET_TIMERSLACK: wake within a microsecond of the time
    ctypes.CDLL(None).prctl(29, 1000, 0, 0, 0)
    ways = {near: (far, collections.deque()), far: (near, collections.deque())}
    rate, most, free = 0.0, 1000, 0.0
    seen, dead = set(), set()
    while True:
        due = min((line[0][0] for _, line in ways.values() if line), default=None)
        wait = None if due is None else max(0.0, due - time.monotonic())
        ready, _, _ = select.select([near, far, orders], [], [], wait)
        if orders in ready:
            text = os.read(orders, 4096).decode()
            if not text:
                return
            for order in text.split("\n"):
                words = order.split()
                if words[:1] == ["rate"]:
                    rate, most, free = float(words[1]), int(words[2]), 0.0
                elif words == ["lose"]:
                    dead |= seen
        for device in (near, far):
            target, line = ways[device]
            while device in ready:
                try:
                    packet = os.read(device, 65536)
                except BlockingIOError:
                    break
                now = at = time.monotonic()
                upward = device == near
                port = client_port(packet, upward)
                if port in dead:
                    continue
                seen.add(port)
                if rate and upward:
                    # what waits for its turn on the narrow line, in packets of its own size
                    if (free - now) * rate / 8 > most * 1500:
                        continue
                    free = max(free, now) + len(packet) * 8 / rate
                    at = free
                line.append((at + DELAY, packet))
            while line and line[0][0] <= time.monotonic():
                try:
                    os.write(target, line.popleft()[1])
                except OSError:
                    pass


class Peer:
    """A client at the near end, and the thread that hears its answers."""

    def __init__(self, way, program, url, folder):
        if way in ("ours", "reqwest"):
            words = [program, way, url, folder]
        else:
            words = [sys.executable, os.path.join(HERE, "line_peer.py"), way, url, folder]
        words = ["ip", "netns", "exec", CLIENT, *words]
        self.way = way
        self.child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answers = queue.Queue()
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        for line in self.child.stdout:
            self.answers.put(line.strip())

    def say(self, order):
        self.child.stdin.write(order + "\n")

    def answer(self, limit=LIMIT):
        """Milliseconds; infinite when there was no answer."""
        try:
            text = self.answers.get(timeout=limit)
        except queue.Empty:
            return float("inf")
        if text.startswith("failed"):
            print(f"{self.way}: {text}", file=sys.stderr)
            return float("inf")
        return float(text)

    def send(self):
        self.say("go")
        return self.answer()

    def end(self):
        self.child.kill()
        self.child.wait()


class Bench:
    def __init__(self, program, line, folder):
        self.program, self.line, self.folder = program, line, folder

    def peers(self, lanes, port=8443):
        url = f"https://{ADDRESSES[SERVER]}:{port}/v1/15/"
        made = [Peer(way, self.program, url, self.folder) for _ in range(lanes) for way in PEERS]
        for peer in made:
            # until the window holds a whole request
            for _ in range(3):
                peer.send()
        return made

    def after_pauses(self, pause, lanes, rounds, port=8443, arm=True):
        """Everybody pauses at the same time and sends one after the other, so that all see the same machine."""
        peers = self.peers(lanes, port)
        gap = min(0.7, max(pause, 1.0) / len(peers))
        took = collections.defaultdict(list)
        plan = []
        begin = time.monotonic() + pause
        for turn in range(rounds):
            for slot, peer in enumerate(peers):
                at = begin + turn * (pause + 0.35) + slot * gap
                if arm and peer.way == "ours":
                    heapq.heappush(plan, (at - min(ARM, pause), len(plan), peer, "arm"))
                heapq.heappush(plan, (at, len(plan), peer, "go"))
        sent = []
        while plan:
            at, _, peer, order = heapq.heappop(plan)
            time.sleep(max(0.0, at - time.monotonic()))
            peer.say(order)
            if order == "go":
                sent.append(peer)
        end = time.monotonic() + LIMIT
        for peer in sent:
            took[peer.way].append(peer.answer(max(0.5, end - time.monotonic())))
        for peer in peers:
            peer.end()
        return took

    def back_to_back(self):
        peers = self.peers(1)
        took = collections.defaultdict(list)
        for _ in range(3):
            for peer in peers:
                peer.send()
                took[peer.way] += [peer.send() for _ in range(8)]
        for peer in peers:
            peer.end()
        return took

    def lost_mapping(self, arm):
        """The router forgets all connections while they are idle; new ones work."""
        peers = self.peers(3)
        time.sleep(3)
        self.line.tell("lose")
        took = collections.defaultdict(list)
        for peer in sorted(peers, key=lambda peer: PEERS.index(peer.way)):
            if arm and peer.way == "ours":
                peer.say("arm")
                time.sleep(ARM)
            peer.say("go")
            if peer.way in ("ours", "new"):
                took[peer.way].append(peer.answer())
        end = time.monotonic() + LIMIT
        for peer in peers:
            if peer.way in ("reqwest", "kept"):
                took[peer.way].append(peer.answer(max(0.5, end - time.monotonic())))
            peer.end()
        return took

    def narrow(self, pause):
        self.line.tell("rate 10000000 60")
        took = self.after_pauses(pause, 1, 12) if pause else self.back_to_back()
        self.line.tell("rate 0 1000")
        return took

    def rows(self, long):
        yield "back to back", self.back_to_back
        yield "after 2 s", lambda: self.after_pauses(2.0, 1, 20)
        yield "after 30 s", lambda: self.after_pauses(30.0, 4, 1)
        if long:
            yield "after 10 min", lambda: self.after_pauses(600.0, 5, 1)
        yield "every 7 s, closed after 5 s", lambda: self.after_pauses(7.0, 3, 5, port=8444)
        yield "after a lost mapping", lambda: self.lost_mapping(True)
        yield "the same, set down at once", lambda: self.lost_mapping(False)
        yield "10 Mbit/s, back to back", lambda: self.narrow(0)
        yield "10 Mbit/s, after 2 s", lambda: self.narrow(2.0)


def round_trip():
    """How long TCP takes to connect, in milliseconds."""
    probe = (
        "import socket,time\n"
        "for _ in range(15):\n"
        f" began=time.perf_counter(); socket.create_connection(('{ADDRESSES[SERVER]}',8443)).close()\n"
        " print((time.perf_counter()-began)*1000)"
    )
    words = ["ip", "netns", "exec", CLIENT, sys.executable, "-c", probe]
    return statistics.median(map(float, subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()))


def shown(values, trip, serial):
    middle = statistics.median(values)
    if middle == float("inf"):
        return f"> {LIMIT:.0f} s"
    text = f"{middle:.0f} ms" if middle < 10_000 else f"{middle / 1000:.0f} s"
    return text if middle >= 10_000 else f"{text} ({(middle - serial) / trip:.2f})"


def ratio(values, ours):
    middle, mine = statistics.median(values), statistics.median(ours)
    return "over " + f"{LIMIT * 1000 / mine:.0f}" if middle == float("inf") else f"{middle / mine:.1f}"


def table(bench, arguments):
    trip = round_trip()
    print(f"Round trip {trip:.1f} ms, {BODY:,} bytes; medians, in brackets round trips beside the line's own time.\n")
    for kept in (True, False):
        if arguments.window not in ("both", "kept" if kept else "default"):
            continue
        run("ip", "netns", "exec", CLIENT, "sysctl", "-q", "-w", f"net.ipv4.tcp_slow_start_after_idle={int(not kept)}")
        name = "the window kept (the package's setting)" if kept else "the kernel's default"
        print(f"| {name} | " + " | ".join(TITLES[way] for way in PEERS) + " | times quicker than them |")
        print("|---|" + "---|" * (len(PEERS) + 1), flush=True)
        for name, measure in bench.rows(arguments.long):
            if arguments.only and not any(part in name for part in arguments.only.split(",")):
                continue
            took = measure()
            # the bytes with their packets' heads on the narrow line
            serial = BODY * 1.05 * 8 / 10_000 if "Mbit" in name else 0.0
            cells = [shown(took[way], trip, serial) for way in PEERS]
            times = [ratio(took[way], took["ours"]) for way in PEERS[1:]]
            print(f"| {name} | " + " | ".join(cells) + " | " + " / ".join(times) + " |", flush=True)
            spread = {way: [round(value) if value < 1e9 else None for value in sorted(took[way])] for way in PEERS}
            print(spread, file=sys.stderr, flush=True)
        print()


def build(profile):
    words = ["cargo", "bench", "--bench", "session", "--no-run", "--profile", profile]
    built = subprocess.run(words, cwd=os.path.join(HERE, ".."), check=True, capture_output=True, text=True)
    return os.path.join(HERE, "..", built.stderr.rsplit("(", 1)[1].split(")")[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--window", choices=["both", "kept", "default"], default="both")
    parser.add_argument("--profile", default="bench")
    parser.add_argument("--program", help="a benchmark that is built already")
    arguments = parser.parse_args()
    program = arguments.program or build(arguments.profile)
    hurry(10)
    line = Line()
    served = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            words = ["ip", "netns", "exec", SERVER, program, "serve", ADDRESSES[SERVER], folder]
            served = subprocess.Popen(words)
            while not os.path.exists(os.path.join(folder, "key")):
                time.sleep(0.1)
            time.sleep(0.2)
            print(f"`benches/line.py`, {datetime.date.today()}.", end=" ")
            table(Bench(program, line, folder), arguments)
    finally:
        if served:
            served.kill()
            served.wait()
        line.end()


main()
