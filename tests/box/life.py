"""A box's life: installed, set up, used for a day, brought up to date, taken away."""

import json
import os
import subprocess
import time

from machine import Trouble

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
frame_wait_ms = 3000

[recognition]
url = "{url}"
ca_file = "/etc/scalecam/practice-ca.pem"
# an emulated processor on a busy machine takes its time
deadline_ms = 10000

[recognition.session]
response_ms = 5000

[[sink]]
kind = "file"
path = "/var/lib/scalecam/weighings.jsonl"

[[sink]]
kind = "scale-display"
text = "{{product}} {{weight}}"
"""
# one more lane, by the template unit
LANE = """\
[device]
id = "BOX-0{number}"

[scale]
{scale}

[camera]
{camera}

[recognition]
url = "{url}"
ca_file = "/etc/scalecam/practice-ca.pem"
deadline_ms = 10000

[[sink]]
kind = "file"
path = "/var/lib/scalecam/{number}/weighings.jsonl"
"""
PRACTICE_SCALE = 'port = "sim:st-gs"'
DRAWN_CAMERA = 'kind = "synthetic"\nwidth = 640\nheight = 360\nfps = {fps}'
UNPACK = "test -e /run/package/scalecam.deb || { mkdir -p /run/package && tar -C /run/package -xf /dev/disk/by-id/virtio-package; }"


def next_version(package, folder):
    """The same package under a higher version, as a release after this one would come."""
    tree, made = os.path.join(folder, "next"), os.path.join(folder, "next.deb")
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control) as file:
        lines = [line.rstrip("\n") + "+next\n" if line.startswith("Version:") else line for line in file]
    with open(control, "w") as file:
        file.writelines(lines)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made


class Life:
    def boot(self):
        took = self.box.start()
        self.say("switched on, commands run after", f"{took:.0f} s, Linux {self.box.run('uname -r')}, systemd {self.box.run('systemctl --version').split()[1]}")

    def install(self):
        self.box.run(UNPACK)
        begin = time.monotonic()
        self.box.run("dpkg -i /run/package/scalecam.deb", limit=300)
        took = time.monotonic() - begin
        self.box.run("id scalecam | grep -q dialout && id scalecam | grep -q video")
        self.box.run("systemctl is-enabled scalecam && systemctl is-active scalecam")
        state, _ = self.until("the state tells what is missing", lambda: (lambda state: state if "there is no such device" in state else None)(self.state()), 60)
        self.say("installed, and running with nothing set up", f"{took:.1f} s; “{state[:150]}…”")
        self.needs(self.box.run("cat /proc/sys/net/ipv4/tcp_slow_start_after_idle") == "0", "the kernel setting is not in force")
        score = self.box.run("systemd-analyze security --no-pager scalecam 2>/dev/null | tail -n 1").split(": ")[-1]
        self.needs(float(score.split()[0]) <= 1.3, f"the exposure is {score}")
        self.say("exposure on the box", score)

    def write(self, name, content, mode):
        self.box.run(f"cat >/etc/scalecam/{name} <<'END'\n{content}END\nchmod {mode} /etc/scalecam/{name}")

    def lane(self, number, scale, camera):
        self.write(f"{number}.toml", LANE.format(number=number, scale=scale, camera=camera, url=self.service.url), 644)

    def trust(self):
        """The practice service makes an authority of its own at every start."""
        with open(self.service.ca_file) as file:
            self.write("practice-ca.pem", file.read(), 644)

    def settings(self):
        self.trust()
        self.write("config.toml", SETTINGS.format(width=self.width, height=self.height, url=self.service.url), 644)
        self.box.run("scalecam check")
        self.box.run("systemctl reload scalecam")
        state, took = self.until("the state tells that only the key is wrong", lambda: (lambda state: state if "scale: ok" in state and "camera: ok" in state and "key" in state else None)(self.state()), 60)
        self.say("settings reloaded, no key yet", f"{took:.1f} s; “{state}”")

    def key(self):
        self.write("api-key", self.key_text + "\n", 600)
        self.box.run("systemctl restart scalecam")
        state, took = self.until("scale, camera and service are ok", self.all_ok, 60)
        self.say("key written, all parts ok after the restart", f"{took:.1f} s; “{state}”")

    def drop_ins(self):
        """The examples for a key that is encrypted on the disk, and for a box that may talk to one address alone."""
        examples, unit = "/usr/share/doc/scalecam/examples", "/etc/systemd/system/scalecam.service.d"
        again = "systemctl daemon-reload && systemctl restart scalecam"
        self.box.run(f"systemd-creds encrypt --with-key=host --name=api-key /etc/scalecam/api-key /etc/scalecam/api-key.cred && mv /etc/scalecam/api-key /run/plain && mkdir -p {unit}"
                     f" && cp {examples}/encrypted-key.conf {unit}/ && sed -e s/192.0.2.53/10.0.2.3/ -e s,198.51.100.0/24,10.0.2.2, {examples}/address-lockdown.conf >{unit}/address-lockdown.conf && {again}")
        self.until("all parts ok with both examples", self.all_ok, 60)
        self.weighings(1)
        self.box.run(f"sed -i s/=10.0.2.2$/=10.0.2.9/ {unit}/address-lockdown.conf && {again}")
        mark = self.mark()
        failed, _ = self.until("a weighing that may not reach the service", lambda: [o for o in self.outcomes(mark) if o["result"] == "failed"], 120)
        self.box.run(f"rm -r {unit} /etc/scalecam/api-key.cred && mv /run/plain /etc/scalecam/api-key && {again}")
        self.until("all parts ok without them", self.all_ok, 60)
        self.say("drop-ins: encrypted key, address lock-down", f"recognised with both; with another address allowed it fails as “{failed[0]['error']['kind']}”")

    def weigh(self):
        count = 3 if self.short else 10
        new, _ = self.weighings(count, 60 + 20 * count)
        first = [outcome for outcome in new if not outcome["session"]["reused"]]
        totals = sorted(outcome["ms"]["total"] for outcome in new)
        ages = [outcome["picture"]["frame_age_ms"] for outcome in new]
        self.say(f"{len(new)} weighings, from the plate to the display", f"median {totals[len(totals) // 2]:.0f} ms from settled to result (emulated), frames {min(ages)} to {max(ages)} ms old, {len(first)} on a new connection")

    def armhf(self):
        """The 32-bit program on this kernel: terminal, video and session as on a box of that kind. The unit's sandbox
        admits only programs of the kernel's own kind, so that it runs beside it."""
        home, unit = "/usr/local/lib/scalecam-armhf", "scalecam-armhf"
        self.box.run(f"{UNPACK}; cp -r /run/package/armhf {home} && systemctl stop scalecam")
        program = f"{home}/lib/ld-linux-armhf.so.3 --library-path {home}/lib/arm-linux-gnueabihf {home}/usr/bin/scalecam"
        kind = self.box.run(f"od -An -tx1 -j4 -N1 {home}/usr/bin/scalecam")
        self.needs(kind.strip() == "01", f"it is no 32-bit program but one of class {kind}")
        listed = json.loads(self.box.run(f"{program} devices --json"))
        demo = self.box.run(f"{program} demo 2>&1", limit=300).splitlines()
        self.box.run(f"systemd-run -q -u {unit} -p Type=notify -p WatchdogSec=30 {program} run --config /etc/scalecam/config.toml")
        self.until("all parts of the 32-bit agent are ok", lambda: self.all_ok(unit), 60)
        new, _ = self.weighings(3)
        self.box.run(f"systemctl stop {unit} && rm -r {home} && systemctl start scalecam")
        self.until("all parts ok", self.all_ok, 60)
        self.say("the program for armhf on this kernel", f"{len(listed['cameras'])} camera and {len(listed['serial_ports'])} serial ports listed; {len(new)} of {len(new)} recognised; demo: {demo[-1]}")

    def long_run(self):
        """Many weighings without a break; each is followed, and memory must not grow."""
        self.weighings(5)
        before, files = self.resident()
        done, aside, reused = 0, 0, 0
        start = time.monotonic()
        while done < self.many:
            begin, mark = time.monotonic(), self.mark()
            new, _ = self.until("the next weighings", lambda: (lambda new: new if len(new) >= min(10, self.many - done) else None)(self.outcomes(mark)), 300)
            done += len(new)
            good = self.recognised(new, begin)
            aside += len(new) - len(good)
            reused += sum(bool(outcome["session"]["reused"]) for outcome in good)
        after, files_after = self.resident()
        self.needs(after - before < 2_000, f"own memory grew from {before} to {after} kB over {done} weighings")
        self.needs(files_after <= files + 2, f"{files} descriptors became {files_after}")
        self.say(f"{done} weighings in a row", f"{done - aside} recognised, {reused} of them on a kept connection, {aside} set aside; own memory {before} kB before, {after} kB after; descriptors {files} and {files_after}; {time.monotonic() - start:.0f} s")

    def measure(self):
        self.camera.pace = 30
        time.sleep(3)
        pid = self.pid()
        ticks = lambda: int(self.box.run(f"awk '{{ print $14 + $15 }}' /proc/{pid}/stat"))
        before, begin = ticks(), time.monotonic()
        time.sleep(10)
        share = (ticks() - before) / (time.monotonic() - begin)
        status = self.box.run(f"grep -E 'VmRSS|VmHWM|Threads' /proc/{pid}/status | tr -s '\\t ' ' ' | tr '\\n' ' '")
        files = self.box.run(f"ls /proc/{pid}/fd | wc -l")
        self.camera.pace = 10
        self.say("the agent with the camera at 30 frames a second", f"{status}, {files} descriptors, {share:.0f} % of one emulated processor")
        self.needs(int(status.split()[status.split().index("VmHWM:") + 1]) < 25_000, f"more than 25 MB resident: {status}")

    def upgrade(self):
        """To a higher version and back, while a lane by template runs as well."""
        self.box.run(UNPACK)
        self.lane(3, PRACTICE_SCALE, DRAWN_CAMERA.format(fps=2))
        self.box.run("scalecam check --config /etc/scalecam/3.toml && systemctl start scalecam@3", limit=180)
        said = []
        for package in ("scalecam-next.deb", "scalecam.deb"):
            one, two = self.pid(), self.pid("scalecam@3")
            begin = time.monotonic()
            self.box.run(f"dpkg -i --force-confold /run/package/{package}", limit=300)
            version = self.box.run("dpkg-query -W -f '${Version}' scalecam")
            self.until("all parts ok", self.all_ok, 60)
            took = time.monotonic() - begin
            for unit, old in (("scalecam", one), ("scalecam@3", two)):
                self.needs(self.pid(unit) not in (0, old), f"{unit} was not started anew by the update")
                self.needs(self.box.run(f"systemctl show {unit} -p NRestarts --value") == "0", f"the update counted as a crash of {unit}")
            self.weighings(1)
            said.append(f"{version} in {took:.0f} s")
        self.box.run("systemctl stop scalecam@3")
        self.say("brought to a higher version and back", f"{', '.join(said)}; unit and lane restarted once each, settings and key kept")

    def purge(self):
        secrets = self.box.run(f"journalctl --no-pager | grep -c {self.key_text} || true")
        self.needs(secrets == "0", "the key stands in the journal")
        self.lane(3, PRACTICE_SCALE, DRAWN_CAMERA.format(fps=2))
        self.box.run("systemctl enable --now scalecam@3", limit=180)
        self.box.run("dpkg -r scalecam", limit=300)
        self.box.run("test -s /etc/scalecam/api-key && test -s /var/lib/scalecam/weighings.jsonl && ! systemctl is-active -q scalecam scalecam@3")
        self.box.run("dpkg -P scalecam", limit=300)
        left = lambda: self.box.run("find /etc /var/lib /usr /run /dev/scalecam -xdev -name '*scalecam*' ! -path '/var/lib/dpkg/*' ! -path '/run/package/*' 2>/dev/null || true")
        try:
            self.until("nothing is left after the purge", lambda: not left(), 20)
        except Trouble:
            raise Trouble(f"left after the purge: {left()}") from None
        self.say("removed with a lane that was enabled, then purged", "data kept by the first, nothing left by the second; the key was never in the journal")
