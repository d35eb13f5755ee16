"""What happens to the scale and the camera: pulled out, silent, faulty, another one, a second lane."""

import time

from around import Scale
from life import DRAWN_CAMERA
from machine import Machine, Trouble

PORT = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_SCALE0001-if00-port0"
CAMERA = "/dev/v4l/by-id/usb-Practice_USB_camera_CAMERA0001-video-index0"
OTHER_SCALE = 'port = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_SCALE0002-if00-port0"\nprotocol = "st-gs"'
VIVID = """\
kind = "v4l2"
device = "/dev/v4l/by-path/platform-vivid.0-video-index0"
width = 640
height = 360
fps = 5
frame_wait_ms = 3000
controls = { percentage_of_dropped_buffers = 20 }"""
# A USB scale without a serial line, by the kernel's own gadget driver: maker DYMO, six bytes a report (usage page 8Dh).
GADGET = """\
set -e
modprobe libcomposite && modprobe dummy_hcd
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
mkdir /sys/kernel/config/usb_gadget/scale && cd /sys/kernel/config/usb_gadget/scale
echo 0x0922 >idVendor; echo 0x8003 >idProduct
mkdir strings/0x409 functions/hid.0 configs/c.1
echo Practice >strings/0x409/manufacturer; echo 'USB scale' >strings/0x409/product; echo POS0001 >strings/0x409/serialnumber
echo 6 >functions/hid.0/report_length
printf '\\005\\215\\011\\040\\241\\001\\205\\003\\011\\044\\025\\000\\046\\377\\000\\165\\010\\225\\005\\201\\002\\300' >functions/hid.0/report_desc
ln -s functions/hid.0 configs/c.1/
ls /sys/class/udc >UDC
"""
# Nothing for a second, then 500 g, 250 g and 750 g at rest for two each: state, unit (gram), power of ten, weight.
REPORTS = """\
exec >/dev/hidg0
for weight in '\\364\\001' '\\372\\000' '\\356\\002'; do
    for turn in 1 2 3 4 5 6 7 8 9 10; do printf '\\003\\002\\002\\000\\000\\000'; sleep 0.1; done
    for turn in $(seq 20); do printf "\\003\\004\\002\\000$weight"; sleep 0.1; done
done
"""
USB_SCALE = 'port = "/dev/scalecam/usb-scale-POS0001"\nprotocol = "hid-pos"'


class Devices:
    def scale_unplugged(self):
        self.unplugged(Machine.SCALE, "scale", PORT)

    def camera_unplugged(self):
        self.unplugged(Machine.CAMERA, "camera", CAMERA)

    def unplug(self, device):
        # Nothing may come out of a cable that is being pulled: QEMU 7.2 forwards the byte to a device that has already
        # left its bus, and ends itself by that.
        self.scale.silent = device is Machine.SCALE
        time.sleep(0.3)
        self.box.unplug(device)

    def plug(self, device, node):
        """Answers after how many seconds the box's kernel has it, and after how many the agent."""
        self.scale.silent = False
        begin = time.monotonic()
        self.box.plug(device)
        self.until(f"{node} is there", lambda: self.box.run(f"test -e {node} && echo yes || true"), 60)
        there = time.monotonic() - begin
        self.until("all parts are ok again", self.all_ok, 60)
        return there, time.monotonic() - begin

    def unplugged(self, device, word, node):
        self.weighings(1)
        memory, files = self.resident()
        said, there, back, late = [], [], [], 0
        for _ in range(self.cycles):
            begin = time.monotonic()
            self.unplug(device)
            said.append(self.until(f"the agent says that the {word} is gone", lambda: f"{word}: ok" not in self.state(), 30)[1])
            time.sleep(1)
            kernel, agent = self.plug(device, node)
            there.append(kernel)
            back.append(agent)
            late += agent - kernel >= 5 and not self.pulse.since(begin)
        self.weighings(1)
        self.no_zombies()
        memory_after, files_after = self.resident()
        self.needs(files_after <= files + 1, f"{files} descriptors became {files_after}")
        self.needs(memory_after - memory < 3_000, f"own memory grew from {memory} to {memory_after} kB")
        middle = lambda seconds: sorted(seconds)[len(seconds) // 2]
        own = [agent - kernel for agent, kernel in zip(back, there)]
        self.say(f"{word} unplugged and plugged in again, {self.cycles} times",
                 f"said after {middle(said):.1f} s (at most {max(said):.1f}); back after {middle(back):.1f} s (at most {max(back):.1f}, {sum(each < 5 for each in back)} times within 5 s), "
                 f"of which the agent took {middle(own):.1f} s (at most {max(own):.1f}, {sum(each < 5 for each in own)} times within 5 s) after the kernel had it; "
                 f"no node left over; own memory {memory} kB before, {memory_after} kB after")
        # what the emulation needs while this machine gives it no time is not the agent's
        # the short form runs where nobody knows what else the machine does; it prints the times and asks for the return alone
        self.needs(self.short or late == 0, f"the agent needed 5 s or more {late} times although this machine had time for it")

    def no_zombies(self):
        nodes = self.box.run("echo $(cd /dev; ls -d ttyUSB* video* 2>/dev/null)")
        self.needs(nodes == "ttyUSB0 video0 video1", f"the nodes are {nodes}")
        held = self.box.run(f"ls -l /proc/{self.pid()}/fd | grep -c '(deleted)\\|/dev/.*[1-9]$' || true")
        self.needs(held == "0", f"{held} descriptors of nodes that are gone")

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

    def hung_camera(self):
        """A camera that only a reset of its USB device wakes, without and with what the package's examples allow."""
        self.camera.hung = True
        self.until("the agent asks for a replug", lambda: "unplug it and plug it in again" in self.state(), 60)
        examples, rules, unit = "/usr/share/doc/scalecam/examples/usb-reset", "/etc/udev/rules.d/71-scalecam-usb-reset.rules", "/etc/systemd/system/scalecam.service.d"
        again = "udevadm control --reload && udevadm trigger --settle --subsystem-match=usb && systemctl daemon-reload && systemctl restart scalecam"
        self.box.run(f"cp {examples}.rules {rules} && mkdir -p {unit} && cp {examples}.conf {unit}/ && {again}")
        _, back = self.until("the camera is back", self.all_ok, 60)
        said = self.box.run("journalctl -u scalecam -o cat --no-pager | grep '^the camera .*USB device was reset' | tail -n 1 || true")
        self.needs(said and not self.camera.hung, "the camera came back without a reset")
        self.weighings(1)
        self.box.run(f"rm -r {rules} {unit} && {again}")
        self.until("all parts ok without the examples", self.all_ok, 60)
        self.say("camera hung until a reset", f"asks for a replug; where resets are allowed: “{said[:150]}”, back {back:.1f} s after the start")

    def bare_frames(self):
        """Frames without Huffman tables: they are put in, so that every decoder reads the picture."""
        largest = max(map(len, self.camera.bare_frames[(self.width, self.height)]))
        self.camera.bare = True
        self.weighings(1)
        new, _ = self.weighings(3)
        self.camera.bare = False
        sizes = [self.picture_of(outcome)["bytes"] for outcome in new]
        self.needs(all(size > largest for size in sizes), f"pictures of {sizes} bytes came from frames of {largest} bytes at most: the tables are missing")
        self.say("MJPEG without Huffman tables", f"{len(new)} of {len(new)} recognised, pictures of {min(sizes)} bytes from frames of {largest} at most")

    def bad_frames(self):
        """Every second frame is bad, then every frame."""
        said = []
        for fault in ("cut", "flagged"):
            setattr(self.camera, fault, 2)
            self.weighings(3)
            mark = self.mark()
            setattr(self.camera, fault, 1)
            failed, _ = self.until(f"a weighing fails while every frame is {fault}", lambda: [o for o in self.outcomes(mark) if o["result"] == "failed"], 120)
            setattr(self.camera, fault, 0)
            self.until("all parts ok", self.all_ok, 60)
            self.weighings(1)
            said.append(f"every second {fault}: recognised, every one {fault}: “{failed[0]['error']['kind']}”")
        self.say("bad frames", "; ".join(said) + "; healed")

    def raw_frames(self):
        """The same camera comes back as one that knows no MJPEG."""
        self.unplug(Machine.CAMERA)
        self.until("the agent says that the camera is gone", lambda: "camera: ok" not in self.state(), 30)
        self.camera.be(("yuyv",), [(640, 360)], 5)
        self.plug(Machine.CAMERA, CAMERA)
        self.width, self.height = 640, 360
        new, _ = self.weighings(2)
        sizes = [self.picture_of(outcome)["bytes"] for outcome in new]
        self.unplug(Machine.CAMERA)
        self.until("the agent says that the camera is gone", lambda: "camera: ok" not in self.state(), 30)
        self.camera.be(("mjpeg", "yuyv"), list(self.camera.frames), 30)
        self.plug(Machine.CAMERA, CAMERA)
        self.width, self.height = 1280, 720
        self.weighings(1)
        self.say("a camera with YUYV only, 640x360", f"{len(new)} of {len(new)} recognised, JPEG of {min(sizes)} to {max(sizes)} bytes; and back to MJPEG")

    def usb_scale(self):
        """A scale that speaks by reports over USB, through udev's rule and the unit's sandbox; plugged in after the start."""
        self.lane(4, USB_SCALE, DRAWN_CAMERA.format(fps=10))
        self.box.run("systemctl start scalecam@4", limit=180)
        state, _ = self.until("the lane says that there is no scale", lambda: (lambda state: state if "there is no such device" in state else None)(self.state("scalecam@4")), 60)
        self.box.run(f"sh <<'END'\n{GADGET}END")
        names, _ = self.until("the scale has its names", lambda: self.box.run("ls /dev/scalecam | grep usb-scale- || true"), 30)
        self.needs("usb-scale-POS0001" in names and "usb-scale-at-" in names, f"its names are {names}")
        self.until("the scale is heard or waited for", lambda: "there is no such device" not in self.state("scalecam@4"), 30)
        self.box.run(f"sh <<'END'\n{REPORTS}END")
        new, _ = self.until("its three weighings", lambda: (lambda new: new if len(new) >= 3 else None)(self.outcomes(0, "4/")), 60)
        self.needs([outcome["grams"] for outcome in new] == [500.0, 250.0, 750.0], f"weighed {[outcome['grams'] for outcome in new]}")
        self.box.run("systemctl stop scalecam@4; cd /sys/kernel/config/usb_gadget/scale && echo '' >UDC && rm configs/c.1/hid.0 && rmdir configs/c.1 functions/hid.0 strings/0x409 && cd .. && rmdir scale", limit=180)
        self.say("a USB scale without a serial line (reports)", f"found by {', '.join(names.split())}; 500, 250 and 750 g: {', '.join(outcome['result'] for outcome in new)}")

    def second_lane(self):
        """A second unit by the template, with a scale of its own and the kernel's own practice camera."""
        self.other = Scale(self.program, self.folder, self.log, name="other", protocol="st-gs", seed=2)
        self.box.plug(Machine.OTHER_SCALE, new=True)
        self.box.run("modprobe vivid node_types=0x1 && udevadm settle")
        self.until("the second camera is there", lambda: self.box.run("test -e /dev/v4l/by-path/platform-vivid.0-video-index0 && echo yes || true"), 30)
        self.lane(2, OTHER_SCALE, VIVID)
        self.box.run("scalecam check --config /etc/scalecam/2.toml; systemctl start scalecam@2", limit=180)
        ok = lambda: self.all_ok("scalecam@2")
        self.until("all parts of the second lane are ok", ok, 60)
        mark = self.mark("2/")
        new, _ = self.until("weighings of the second lane", lambda: (lambda new: new if len(new) >= 3 else None)(self.outcomes(mark, "2/")), 120)
        self.lane_is_right(new)
        # the driver takes its device away from under the agent, and gives it back
        drop = "echo vivid.0 >/sys/bus/platform/drivers/vivid/"
        self.box.run(drop + "unbind")
        _, said = self.until("the second lane says that its camera is gone", lambda: "camera: ok" not in self.state("scalecam@2"), 30)
        self.needs(self.all_ok(), "the first lane minds what happens to the second")
        self.box.run(drop + "bind")
        _, back = self.until("the second lane's camera is back", ok, 60)
        self.weighings(1)
        self.box.run("systemctl stop scalecam@2; modprobe -r vivid", limit=180)
        self.other.silent = True
        time.sleep(0.3)
        self.box.unplug(Machine.OTHER_SCALE)
        self.say("a second lane by the template, own scale, camera of the driver vivid",
                 f"{len(new)} of {len(new)} recognised with a fifth of its frames dropped; camera taken away: said after {said:.1f} s, back after {back:.1f} s; the first lane went on")

    def lane_is_right(self, new):
        for outcome in new:
            if outcome["result"] != "recognised":
                raise Trouble(f"the second lane's weighing failed: {outcome['error']}")
            heard = [each for each in self.service.requests() if each["recognition_id"] == outcome["recognition_id"]]
            self.needs(len(heard) == 1 and heard[0]["device_id"] == "BOX-02" and heard[0]["picture"]["width"] == 600, f"the service heard {heard}")
