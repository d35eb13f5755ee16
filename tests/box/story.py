"""The story of one box, from its first boot to the purge: what is done to it, and what must then hold."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

from around import Scale, Service
from camera import Camera
from machine import Machine, Trouble

KEY = "box-test-key-5f2c9a"
STATE = "systemctl show scalecam -p StatusText --value"
SETTINGS = """\
[device]
id = "BOX-01"

[scale]
port = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_SCALE0001-if00-port0"
protocol = "mt-sics"

[camera]
kind = "v4l2"
device = "/dev/v4l/by-id/usb-Practice_USB_camera_CAMERA0001-video-index0"
width = {width}
height = {height}

[recognition]
url = "{url}"
ca_file = "/etc/scalecam/practice-ca.pem"

[[sink]]
kind = "file"
path = "/var/lib/scalecam/weighings.jsonl"

[[sink]]
kind = "scale-display"
text = "{{product}} {{weight}}"
"""


class Story:
    def __init__(self, arguments, folder):
        self.folder, self.short = folder, arguments.short
        self.cycles = 1 if arguments.short else arguments.cycles
        self.table, self.failed = [], 0
        self.width, self.height = 1280, 720
        self.log = open(os.path.join(folder, "practice.log"), "wb")
        frames = {(1280, 720): self.pictures(arguments.program, 1280, 720), (640, 360): self.pictures(arguments.program, 640, 360)}
        self.camera = Camera(os.path.join(folder, "camera"), frames)
        self.scale = Scale(arguments.program, folder, self.log)
        self.service = Service(arguments.program, folder, self.log, KEY)
        package = os.path.join(folder, "package.tar")
        with tarfile.open(package, "w") as tar:
            tar.add(arguments.package, "scalecam.deb")
        shutil.copyfile(os.path.join(arguments.cache, f"disk-{arguments.stamp}.img"), os.path.join(folder, "disk.img"))
        self.box = Machine(folder, arguments.cache, arguments.stamp, package)

    def pictures(self, program, width, height):
        """A few drawn pictures, made by the program itself."""
        settings = os.path.join(self.folder, "draw.toml")
        with open(settings, "w") as file:
            file.write(f'[device]\nid = "DRAW"\n[scale]\nport = "sim:mt-sics"\n[camera]\nkind = "synthetic"\nwidth = {width}\nheight = {height}\n')
        pictures = []
        for _ in range(3):
            output = os.path.join(self.folder, "drawn.jpg")
            subprocess.run([program, "capture", "--config", settings, "--output", output], check=True, stdout=self.log, stderr=self.log)
            with open(output, "rb") as file:
                pictures.append(file.read())
        return pictures

    # --- looking
    def say(self, what, found):
        self.table.append((what, found, True))
        print(f"  ok    {what}: {found}", flush=True)

    def until(self, what, look, limit):
        """Looks until it holds; gives what was found and after how many seconds."""
        begin = time.monotonic()
        while True:
            found = look()
            took = time.monotonic() - begin
            if found:
                return found, took
            if took > limit:
                raise Trouble(f"not within {limit} s: {what}")
            time.sleep(0.1)

    def state(self):
        return self.box.run(STATE)

    def outcomes(self):
        text = self.box.run("cat /var/lib/scalecam/weighings.jsonl 2>/dev/null || true")
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def weighings(self, count, limit=120):
        """The next outcomes, each followed from the plate to the display."""
        start = self.box.run("date -u +%FT%T.%3NZ")
        before = len(self.scale.since())
        settled_since = lambda: [outcome for outcome in self.outcomes() if outcome["settled_at"] > start]
        new, took = self.until(f"{count} weighings", lambda: (lambda new: new if len(new) >= count else None)(settled_since()), limit)
        for outcome in new:
            self.follow(outcome, before)
        return new, took

    def follow(self, outcome, before):
        events = self.scale.since(max(0, before - 20))
        if outcome["result"] != "recognised":
            raise Trouble(f"the weighing failed: {json.dumps(outcome['error'])}")
        rests = [event["shown"] for event in events if event["event"] == "rest"]
        if not any(abs(float(shown) * 1000 - outcome["grams"]) < 0.01 for shown in rests):
            raise Trouble(f"{outcome['grams']} g was never at rest on the plate, only {rests}")
        requests = [each for each in self.service.requests() if each["recognition_id"] == outcome["recognition_id"]]
        if len(requests) != 1 or requests[0]["picture"]["width"] != self.width:
            raise Trouble(f"the service heard {requests} for {outcome['recognition_id']}")
        name = outcome["options"][0]["name"]
        self.until(f"{name} on the scale's display", lambda: any(event["event"] == "text" and event["text"].startswith((name or "")[:5]) for event in self.scale.since(max(0, before - 20))), 10)

    def needs(self, condition, otherwise):
        if not condition:
            raise Trouble(otherwise)

    # --- the chapters
    def boot(self):
        took = self.box.start()
        self.say("switched on, commands run after", f"{took:.0f} s, Linux {self.box.run('uname -r')}, systemd {self.box.run('systemctl --version').split()[1]}")

    def install(self):
        self.box.run("mkdir -p /run/package && tar -C /run/package -xf /dev/disk/by-id/virtio-package")
        begin = time.monotonic()
        self.box.run("dpkg -i /run/package/scalecam.deb", limit=300)
        took = time.monotonic() - begin
        self.box.run("id scalecam | grep -q dialout && id scalecam | grep -q video")
        self.box.run("systemctl is-enabled scalecam && systemctl is-active scalecam")
        state, _ = self.until("the state tells what is missing", lambda: (lambda state: state if "there is no such device" in state else None)(self.state()), 60)
        self.say("installed, and running with nothing set up", f"{took:.1f} s; “{state[:150]}…”")
        self.needs(self.box.run("cat /proc/sys/net/ipv4/tcp_slow_start_after_idle") == "0", "the kernel setting is not in force")
        score = self.box.run("systemd-analyze security --no-pager scalecam 2>/dev/null | tail -n 1")
        self.say("exposure on the box", score.split(": ")[-1])

    def write(self, name, content, mode):
        self.box.run(f"cat >/etc/scalecam/{name} <<'END'\n{content}END\nchmod {mode} /etc/scalecam/{name}")

    def settings(self):
        with open(self.service.ca_file) as file:
            self.write("practice-ca.pem", file.read(), 644)
        self.write("config.toml", SETTINGS.format(width=self.width, height=self.height, url=self.service.url), 644)
        self.box.run("scalecam check")
        self.box.run("systemctl reload scalecam")
        state, took = self.until("the state tells that only the key is wrong", lambda: (lambda state: state if "scale: ok" in state and "camera: ok" in state and "key" in state else None)(self.state()), 60)
        self.say("settings reloaded, no key yet", f"{took:.1f} s; “{state}”")

    def key(self):
        self.write("api-key", KEY + "\n", 600)
        self.box.run("systemctl restart scalecam")
        state, took = self.until("scale, camera and service are ok", self.all_ok, 60)
        self.say("key written, all parts ok after the restart", f"{took:.1f} s; “{state}”")

    def all_ok(self):
        state = self.state()
        return state if all(f"{part}: ok" in state for part in ("scale", "camera", "service")) else None

    def weigh(self, count):
        new, _ = self.weighings(count, 60 + 20 * count)
        first = [outcome for outcome in new if not outcome["session"]["reused"]]
        totals = sorted(outcome["ms"]["total"] for outcome in new)
        ages = [outcome["picture"]["frame_age_ms"] for outcome in new]
        self.say(f"{len(new)} weighings, from the plate to the display", f"median {totals[len(totals) // 2]:.0f} ms from settled to result (emulated), frames {min(ages)} to {max(ages)} ms old, {len(first)} on a new connection")

    def unplug(self, device, word, times=1):
        slowest = 0.0
        for _ in range(times):
            # nothing may come out of a cable that is being pulled: QEMU 7.2 ends itself over such a byte
            self.scale.silent = device is Machine.SCALE
            time.sleep(0.3)
            self.box.unplug(device)
            _, lost = self.until(f"the agent says that the {word} is gone", lambda: f"{word}: ok" not in self.state(), 30)
            time.sleep(1)
            self.scale.silent = False
            self.box.plug(device)
            _, back = self.until(f"the {word} is back", self.all_ok, 60)
            slowest = max(slowest, back)
        nodes = self.box.run("ls /dev/ttyUSB* /dev/video* 2>/dev/null | tr '\\n' ' '")
        self.weighings(1)
        self.say(f"{word} unplugged and plugged in again, {times} times", f"said after {lost:.1f} s, back at most {slowest:.1f} s after the replug; nodes: {nodes}")

    def silent_cable(self):
        self.scale.silent = True
        _, said = self.until("the agent says that the scale is silent", lambda: "scale: ok" not in self.state(), 30)
        self.scale.silent = False
        _, back = self.until("the scale is heard again", self.all_ok, 30)
        self.say("cable in, and silent", f"said after {said:.1f} s, heard again after {back:.1f} s")

    def frozen_camera(self):
        self.camera.stalled = True
        _, said = self.until("the agent says that the camera is silent", lambda: "camera: ok" not in self.state(), 30)
        self.camera.stalled = False
        _, back = self.until("the camera is back", self.all_ok, 30)
        self.say("camera in, and no frames", f"said after {said:.1f} s, back after {back:.1f} s")

    def network_cut(self):
        self.box.wire(False)
        known = len(self.outcomes())
        new, _ = self.until("a weighing without a network", lambda: self.outcomes()[known:], 120)
        failed = [outcome for outcome in new if outcome["result"] == "failed"]
        if not failed:
            new, _ = self.until("a weighing without a network", lambda: [o for o in self.outcomes()[known:] if o["result"] == "failed"], 120)
            failed = new
        self.box.wire(True)
        _, back = self.until("the service is reached again", self.all_ok, 90)
        self.weighings(1)
        self.say("network cut", f"weighing failed as “{failed[0]['error']['kind']}” after {failed[0]['ms']['total']:.0f} ms; reached again {back:.1f} s after the link")

    def killed(self):
        self.box.run("systemctl kill -s KILL scalecam")
        # what the manager shows until then is the state of the one that was killed
        self.until("it is started anew", lambda: self.box.run("systemctl show scalecam -p NRestarts --value") != "0" and "starting" not in self.box.run("systemctl show scalecam -p ActiveState,SubState") and self.state(), 60)
        _, took = self.until("it runs again", self.all_ok, 60)
        self.weighings(1)
        self.say("kill -9", f"all parts ok {took:.1f} s after the new start, restarts counted: {self.box.run('systemctl show scalecam -p NRestarts --value')}")

    def reload(self):
        self.box.run("cp /etc/scalecam/config.toml /run/good.toml; echo 'nonsense = 1' >>/etc/scalecam/config.toml; systemctl reload scalecam")
        said, _ = self.until("the bad settings are reported", lambda: self.box.run("journalctl -u scalecam -o cat --no-pager | grep 'stay in force' | tail -n 1 || true"), 30)
        self.box.run("cp /run/good.toml /etc/scalecam/config.toml; systemctl reload scalecam")
        self.until("the good ones are read", lambda: self.box.run("journalctl -u scalecam -o cat --no-pager | tail -n 20 | grep -c 'settings read again' || true") != "0", 30)
        time.sleep(2)  # the state is told once a second at most
        self.until("all parts ok", self.all_ok, 60)
        self.weighings(1)
        self.say("reload with bad settings, then with good ones", said[:120])

    def bad_start(self):
        self.box.run("echo 'nonsense = 1' >>/etc/scalecam/config.toml; systemctl restart scalecam || true")
        self.until("it has given up", lambda: self.box.run("systemctl show scalecam -p ActiveState --value") == "failed", 30)
        code = self.box.run("systemctl show scalecam -p ExecMainStatus --value")
        self.needs(code == "78", f"it ended with {code} on bad settings")
        self.box.run("cp /run/good.toml /etc/scalecam/config.toml; systemctl start scalecam")
        self.until("all parts ok", self.all_ok, 60)
        self.say("start with bad settings", "exit 78, not started again; runs after the repair")

    def power_cut(self):
        weighings = len(self.outcomes())
        self.box.run("sync")
        self.box.cut_power()
        took = self.box.start()
        self.until("all parts ok after the cut", self.all_ok, 120)
        self.needs(len(self.outcomes()) >= weighings, "outcomes that were on the disk are gone")
        self.weighings(1)
        self.say("power cut and boot", f"commands run after {took:.0f} s, weighs again")

    def measure(self):
        pid = self.box.run("systemctl show scalecam -p MainPID --value")
        before = int(self.box.run(f"awk '{{ print $14 + $15 }}' /proc/{pid}/stat"))
        begin = time.monotonic()
        time.sleep(10)
        ticks = int(self.box.run(f"awk '{{ print $14 + $15 }}' /proc/{pid}/stat")) - before
        share = ticks / (time.monotonic() - begin)
        status = self.box.run(f"grep -E 'VmRSS|VmHWM|Threads' /proc/{pid}/status | tr -s '\\t ' ' ' | tr '\\n' ' '")
        files = self.box.run(f"ls /proc/{pid}/fd | wc -l")
        self.say("the agent with the camera running", f"{status}, {files} descriptors, {share:.0f} % of one emulated processor")
        self.needs(int(status.split()[status.split().index("VmRSS:") + 1]) < 25_000, f"more than 25 MB resident: {status}")

    def upgrade(self):
        self.box.run("dpkg -i /run/package/scalecam.deb 2>/dev/null || { mkdir -p /run/package && tar -C /run/package -xf /dev/disk/by-id/virtio-package && dpkg -i /run/package/scalecam.deb; }", limit=300)
        self.until("all parts ok", self.all_ok, 60)
        self.needs(self.box.run("systemctl show scalecam -p NRestarts --value") == "0", "the update counted as a crash")
        self.weighings(1)
        self.say("installed over itself", "restarted once, settings and key kept")

    def goes(self):
        secrets = self.box.run(f"journalctl --no-pager | grep -c {KEY} || true")
        self.needs(secrets == "0", "the key stands in the journal")
        self.box.run("dpkg -r scalecam", limit=300)
        self.box.run("test -s /etc/scalecam/api-key && test -s /var/lib/scalecam/weighings.jsonl && ! systemctl is-active -q scalecam")
        self.box.run("dpkg -P scalecam", limit=300)
        left = self.box.run("find /etc/scalecam /var/lib/scalecam /usr/bin/scalecam /etc/systemd -name '*scalecam*' 2>/dev/null || true")
        self.needs(not left, f"left after the purge: {left}")
        self.say("removed, then purged", "data kept by the first, gone by the second; the key was never in the journal")

    def tell(self):
        chapters = [self.boot, self.install, self.settings, self.key, lambda: self.weigh(3 if self.short else 10)]
        chapters += [lambda: self.unplug(Machine.SCALE, "scale", self.cycles), lambda: self.unplug(Machine.CAMERA, "camera", self.cycles)]
        if not self.short:
            chapters += [self.silent_cable, self.frozen_camera, self.network_cut, self.killed, self.reload, self.bad_start, self.power_cut]
        chapters += [self.measure]
        if not self.short:
            chapters += [self.upgrade]
        chapters += [self.goes]
        for chapter in chapters:
            chapter()

    def close(self):
        self.box.stop()
        self.scale.stop()
        self.service.stop()
        self.log.close()


def main():
    parser = argparse.ArgumentParser(description="Tells the story of a box and checks every chapter.")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--cycles", type=int, default=20, help="how often scale and camera are unplugged")
    for name in ("--package", "--program", "--cache", "--stamp"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="scalecam-box-")
    begin = time.monotonic()
    story = None
    try:
        story = Story(arguments, folder)
        story.tell()
    except (Trouble, OSError) as trouble:
        print(f"  FAIL  {trouble}")
        if story and story.box.agent:
            try:
                print(story.box.run("systemctl status scalecam --no-pager -l; journalctl -u scalecam --no-pager | tail -n 40; ls -l /dev/serial/by-id /dev/v4l/by-id /dev/scalecam; dmesg | tail -n 20", check=False))
            except (Trouble, OSError):
                pass
        print(f"the logs of this run: {folder}")
        return 1
    finally:
        if story:
            story.close()
    print(f"\n{len(story.table)} checks, all held, {time.monotonic() - begin:.0f} s")
    shutil.rmtree(folder)
    return 0


sys.exit(main())
