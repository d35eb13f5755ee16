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

from around import Pulse, Scale, Service
from camera import Camera
from devices import Devices
from life import Life, next_version
from machine import Machine, Trouble
from outages import Outages

KEY = "box-test-key-5f2c9a"
# what every story begins with
BEGINNING = ["boot", "install", "settings", "key"]
SHORT = BEGINNING + ["weigh", "scale_unplugged", "camera_unplugged", "measure", "purge"]
FULL = BEGINNING + [
    "weigh", "scale_unplugged", "camera_unplugged", "silent_cable", "frozen_camera", "hung_camera", "bare_frames", "bad_frames",
    "raw_frames", "usb_scale", "second_lane", "drop_ins", "network_cut", "network_slow", "service_restarted", "restarted", "killed",
    "reload", "bad_start", "armhf", "cut_in_weighing", "cut_after_report", "cuts", "wrong_clock", "long_run", "measure", "upgrade", "purge"]


class Story(Life, Devices, Outages):
    def __init__(self, arguments, folder):
        self.folder, self.short, self.program = folder, arguments.short, arguments.program
        self.cycles, self.cut_times, self.many = (1, 0, 3) if arguments.short else (arguments.cycles, arguments.cuts, arguments.weighings)
        self.checks, self.key_text, self.seed = 0, KEY, arguments.seed
        self.width, self.height = 1280, 720
        self.log = open(os.path.join(folder, "practice.log"), "wb")
        frames = {(1280, 720): self.pictures(1280, 720), (640, 360): self.pictures(640, 360)}
        self.pulse, self.set_aside = Pulse(), 0
        self.camera = Camera(os.path.join(folder, "camera"), frames)
        # 30 frames a second keep an emulated processor busy; they are sent where they are measured
        self.camera.pace = 10
        self.scale, self.other = Scale(self.program, folder, self.log), None
        self.service = Service(self.program, folder, self.log, KEY)
        package = os.path.join(folder, "package.tar")
        with tarfile.open(package, "w") as tar:
            tar.add(arguments.package, "scalecam.deb")
            tar.add(next_version(arguments.package, folder), "scalecam-next.deb")
            for part in arguments.armhf:
                subprocess.run(["dpkg-deb", "-x", part, os.path.join(folder, "armhf")], check=True)
            if arguments.armhf:
                tar.add(os.path.join(folder, "armhf"), "armhf")
        subprocess.run(["cp", "--sparse=always", os.path.join(arguments.cache, f"disk-{arguments.stamp}.img"),
                        os.path.join(folder, "disk.img")], check=True)
        self.box = Machine(folder, arguments.cache, arguments.stamp, package)

    def pictures(self, width, height):
        """A few drawn pictures, made by the program itself."""
        settings = os.path.join(self.folder, "draw.toml")
        with open(settings, "w") as file:
            file.write(f'[device]\nid = "DRAW"\n[scale]\nport = "sim:mt-sics"\n[camera]\nkind = "synthetic"\nwidth = {width}\nheight = {height}\nfps = 2\nframe_wait_ms = 10000\n')
        pictures = []
        for _ in range(3):
            output = os.path.join(self.folder, "drawn.jpg")
            subprocess.run([self.program, "capture", "--config", settings, "--output", output], check=True, stdout=self.log, stderr=self.log)
            with open(output, "rb") as file:
                pictures.append(file.read())
        return pictures

    # --- looking
    def say(self, what, found):
        self.checks += 1
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

    def needs(self, condition, otherwise):
        if not condition:
            raise Trouble(otherwise)

    def state(self, unit="scalecam"):
        return self.box.run(f"systemctl show {unit} -p StatusText --value")

    def all_ok(self, unit="scalecam"):
        state = self.state(unit)
        return state if all(f"{part}: ok" in state for part in ("scale", "camera", "service")) else None

    def outcomes(self, mark=0, lane=""):
        """The outcomes after the first `mark` ones. What the power cut tore is not among them."""
        text = self.box.run(f"tail -n +{mark + 1} /var/lib/scalecam/{lane}weighings.jsonl 2>/dev/null || true")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def mark(self, lane=""):
        return int(self.box.run(f"wc -l </var/lib/scalecam/{lane}weighings.jsonl 2>/dev/null || echo 0"))

    def recognised(self, outcomes, begin):
        """Those that were recognised. A failure counts as one, unless this machine stood still meanwhile."""
        for outcome in outcomes:
            if outcome["result"] == "recognised":
                continue
            if not self.pulse.since(begin - 10):
                raise Trouble(f"the weighing failed: {json.dumps(outcome['error'])}")
        return [outcome for outcome in outcomes if outcome["result"] == "recognised"]

    def weighings(self, count, limit=120):
        """The next outcomes, each followed from the plate to the display."""
        begin, mark, before = time.monotonic(), self.mark(), max(0, len(self.scale.since()) - 20)
        enough = lambda new: new if len(self.recognised(new, begin)) >= count else None
        new, took = self.until(f"{count} weighings", lambda: enough(self.outcomes(mark)), limit)
        good = self.recognised(new, begin)
        self.set_aside += len(new) - len(good)
        for outcome in good:
            self.follow(outcome, before)
        return good, took

    def follow(self, outcome, before):
        rests = [event["shown"] for event in self.scale.since(before) if event["event"] == "rest"]
        if not any(abs(float(shown) * 1000 - outcome["grams"]) < 0.01 for shown in rests):
            raise Trouble(f"{outcome['grams']} g was never at rest on the plate, only {rests}")
        requests = [each for each in self.service.requests() if each["recognition_id"] == outcome["recognition_id"]]
        if len(requests) != 1 or requests[0]["picture"]["width"] != self.height * 5 // 3:
            raise Trouble(f"the service heard {requests} for {outcome['recognition_id']}")
        name = (outcome["options"][0]["name"] or "")[:5]
        shown = lambda: any(event["event"] == "text" and event["text"].startswith(name) for event in self.scale.since(before))
        self.until(f"{name} on the scale's display", shown, 10)

    def picture_of(self, outcome):
        return next(each for each in self.service.requests() if each["recognition_id"] == outcome["recognition_id"])["picture"]

    # --- the agent as a process
    def pid(self, unit="scalecam"):
        return int(self.box.run(f"systemctl show {unit} -p MainPID --value"))

    def resident(self):
        """The agent's own memory in kB (the driver's mapped buffers, which it may touch or not, left out), and open descriptors."""
        found = self.box.run(f"awk '/RssAnon/ {{ print $2 }}' /proc/{self.pid()}/status; ls /proc/{self.pid()}/fd | wc -l").split()
        return int(found[0]), int(found[1])

    def tell(self, chapters):
        for chapter in chapters:
            begin = time.monotonic()
            getattr(self, chapter)()
            print(f"        ({chapter}: {time.monotonic() - begin:.0f} s)", flush=True)

    def close(self):
        for part in (self.box, self.scale, self.other, self.service):
            if part:
                part.stop()
        self.log.close()


def arguments():
    parser = argparse.ArgumentParser(description="Tells the story of a box and checks every chapter.")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--cycles", type=int, default=20, help="how often scale and camera are unplugged")
    parser.add_argument("--cuts", type=int, default=20, help="how often the power is cut at a random moment")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--weighings", type=int, default=200, help="how many weighings the long run has")
    parser.add_argument("--chapters", help="after the key only these, separated by commas: " + ",".join(FULL[len(BEGINNING):]))
    parser.add_argument("--armhf", nargs="+", default=[], metavar="PACKAGE", help="the package for armhf, and those of its C library")
    for name in ("--package", "--program", "--cache", "--stamp"):
        parser.add_argument(name, required=True)
    return parser.parse_args()


def main():
    given = arguments()
    chapters = SHORT if given.short else [each for each in FULL if each != "armhf" or given.armhf]
    if given.chapters:
        chapters = BEGINNING + given.chapters.split(",")
        unknown = [each for each in chapters if each not in FULL]
        if unknown:
            print(f"box: no such chapter: {', '.join(unknown)}", file=sys.stderr)
            return 2
    if "armhf" in chapters and not given.armhf:
        print("box: chapter armhf wants --armhf with the package for it", file=sys.stderr)
        return 2
    folder = tempfile.mkdtemp(prefix="scalecam-box-")
    begin = time.monotonic()
    story = None
    try:
        story = Story(given, folder)
        story.tell(chapters)
    except (Trouble, OSError, subprocess.CalledProcessError) as trouble:
        print(f"  FAIL  {trouble}")
        if story and story.box.agent:
            try:
                print(story.box.run("date; systemctl status 'scalecam*' --no-pager -l; journalctl -u 'scalecam*' --no-pager | tail -n 40; ls -l /dev/serial/by-id /dev/v4l/by-id /dev/scalecam; dmesg | tail -n 20", check=False))
            except (Trouble, OSError):
                pass
        print(f"the logs of this run: {folder}")
        return 1
    finally:
        if story:
            story.close()
    if story.set_aside:
        print(f"  note  {story.set_aside} failed weighings were set aside: this machine gave the emulation no time for {Pulse.LATE} s or longer then")
    print(f"\n{story.checks} checks, all held, {time.monotonic() - begin:.0f} s")
    shutil.rmtree(folder)
    return 0


sys.exit(main())
