"""What fails around the agent, or takes the agent with it: network, service, kill, power, clock."""

import random
import threading
import time

from around import Service


class Outages:
    def network_cut(self):
        self.box.wire(False)
        mark = self.mark()
        failed, _ = self.until("a weighing without a network", lambda: [o for o in self.outcomes(mark) if o["result"] == "failed"], 120)
        self.box.wire(True)
        _, back = self.until("the service is reached again", self.all_ok, 90)
        self.weighings(1)
        self.say("network cut", f"weighing failed as “{failed[0]['error']['kind']}” after {failed[0]['ms']['total']:.0f} ms; reached again {back:.1f} s after the link")

    def network_slow(self):
        wire = self.box.run("ls /sys/class/net | grep -v lo | head -n 1")
        self.box.run(f"modprobe sch_netem && tc qdisc add dev {wire} root netem delay 150ms 20ms rate 2mbit")
        self.weighings(1)
        new, _ = self.weighings(3)
        self.box.run(f"tc qdisc del dev {wire} root")
        totals = [outcome["ms"]["total"] for outcome in new]
        self.say("network slow: 150 ms more, 2 Mbit/s", f"{len(new)} of {len(new)} recognised in {min(totals):.0f} to {max(totals):.0f} ms")

    def service_restarted(self):
        """The recognition service comes back at the same address with another authority."""
        port = self.service.port
        self.service.stop()
        mark = self.mark()
        failed, _ = self.until("a weighing without the service", lambda: [o for o in self.outcomes(mark) if o["result"] == "failed"], 120)
        self.service = Service(self.program, self.folder, self.log, self.key_text, port=port)
        state, _ = self.until("the agent says that it does not trust the service", lambda: (lambda state: state if "does not prove who it is" in state else None)(self.state()), 90)
        self.trust()
        self.box.run("systemctl reload scalecam")
        _, back = self.until("the service is trusted", self.all_ok, 60)
        self.weighings(1)
        self.say("service restarted with a new authority", f"“{failed[0]['error']['kind']}” without it, “{state[:110]}…” until its authority is known; ok {back:.1f} s after the reload")

    def restarted(self):
        begin = time.monotonic()
        self.box.run("systemctl restart scalecam")
        took = time.monotonic() - begin
        _, ok = self.until("all parts ok", self.all_ok, 60)
        self.weighings(1)
        self.say("agent restarted", f"stopped and started in {took:.1f} s, all parts ok {ok:.1f} s later")

    def killed(self):
        before = self.box.run("systemctl show scalecam -p NRestarts --value")
        self.box.run("systemctl kill -s KILL scalecam")
        # what the manager shows until then is the state of the one that was killed
        self.until("it is started anew", lambda: self.box.run("systemctl show scalecam -p NRestarts --value") != before and "starting" not in self.box.run("systemctl show scalecam -p ActiveState,SubState") and self.state(), 60)
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
        self.box.run("cp /etc/scalecam/config.toml /run/good.toml; echo 'nonsense = 1' >>/etc/scalecam/config.toml; systemctl restart scalecam || true")
        self.until("it has given up", lambda: self.box.run("systemctl show scalecam -p ActiveState --value") == "failed", 30)
        code = self.box.run("systemctl show scalecam -p ExecMainStatus --value")
        self.needs(code == "78", f"it ended with {code} on bad settings")
        self.box.run("cp /run/good.toml /etc/scalecam/config.toml; systemctl start scalecam")
        self.until("all parts ok", self.all_ok, 60)
        self.say("start with bad settings", "exit 78, not started again; runs after the repair")

    # --- power
    def kept(self, ids):
        """Outcomes that were on the disk before the cut are there after it."""
        missing = set(ids) - {outcome["weighing"] for outcome in self.outcomes()}
        self.needs(not missing, f"outcomes that were on the disk are gone: {sorted(missing)}")

    def cut_in_weighing(self):
        """The load has come to rest a moment ago: the picture is being taken, or is on its way."""
        ids = [outcome["weighing"] for outcome in self.outcomes()]
        self.box.run("sync")
        known = len(self.scale.since())
        self.until("a load at rest", lambda: any(event["event"] == "rest" for event in self.scale.since(known)), 60)
        self.box.cut_power()
        took = self.box.start()
        self.until("all parts ok after the cut", self.all_ok, 120)
        self.kept(ids)
        self.weighings(1)
        self.say("power cut in the middle of a weighing", f"commands run after {took:.0f} s, weighs again, outcomes from before are there")

    def wrong_clock(self):
        self.box.run("sync")
        self.box.cut_power()
        self.box.start(clock="2015-01-01T00:00:00")
        said, _ = self.until("the agent says that the clock is not set", lambda: (lambda state: state if "clock is not set" in state else None)(self.state()), 120)
        year = self.box.run("date +%Y")
        mark = self.mark()
        failed, _ = self.until("a weighing without a clock", lambda: self.outcomes(mark), 120)
        self.box.run(f"date -s @{time.time():.0f}")
        _, back = self.until("all parts ok with the clock set", self.all_ok, 90)
        self.weighings(1)
        self.say(f"clock wrong at boot (the box believes in {year})", f"“{said[:100]}…”, weighings go on as “{failed[0]['error']['kind']}”; ok {back:.1f} s after it is set")
