"""What fails around the agent, or takes the agent with it: network, service, kill, power, clock."""

import random
import threading
import time

from around import Service
from machine import Trouble

OUTBOX = "/var/lib/scalecam/outbox.db"


# As a till does it: one request to the local interface for each weighing, in bash, since the box has no other client.
# Prints the status behind each weighing.
REPORT = """bash -c 'token=$(cat /run/scalecam/local-token); body={\\"method\\":\\"manual\\",\\"product_id\\":\\"834437\\"}
for id in "$@"; do
    exec 3<>/dev/tcp/127.0.0.1/8087
    printf "POST /v1/weighings/%s/selection HTTP/1.1\\r\\nHost: 127.0.0.1:8087\\r\\nAuthorization: Bearer %s\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s" "$id" "$token" "${#body}" "$body" >&3
    read -r _ status _ <&3
    echo "$id $status"
    exec 3>&-
done' report """


def path_of(report):
    """The recognition that a report is about."""
    return report["report"].split("/")[1]


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

    def open_door(self):
        """The local interface, through which reports come."""
        if "yes" not in self.box.run("grep -q '^.local.$' /etc/scalecam/config.toml && echo yes || true"):
            self.box.run("printf '\\n[local]\\nlisten = [\"127.0.0.1:8087\"]\\n' >>/etc/scalecam/config.toml; scalecam check && systemctl reload scalecam")
            time.sleep(2)  # the state is told once a second at most
            self.until("all parts ok with the local interface", self.all_ok, 60)
        self.until("the token is there", lambda: self.box.run("test -s /run/scalecam/local-token && echo yes || true"), 30)

    def report(self, outcomes, accepted):
        """Reports a selection for each; `accepted` gains the recognitions whose report the agent has accepted."""
        known = {outcome["weighing"]: outcome["recognition_id"] for outcome in outcomes}
        for line in self.box.run(REPORT + " ".join(known)).splitlines() if known else []:
            weighing, _, status = line.partition(" ")
            # the recognition is written beside the outcome, not before it: a till that is quicker asks again
            self.needs(status in ("200", "201", "404"), f"the report for {weighing} was answered with “{status}”")
            if status != "404":
                accepted.add(known[weighing])

    def arrived(self, accepted):
        """Waits until every report that was accepted is at the service."""
        missing = lambda: accepted - {path_of(report) for report in self.service.reports()}
        self.until("every accepted report is at the service", lambda: not missing(), 240)
        keys = [report["key"] for report in self.service.reports()]
        return len(keys) - len(set(keys))

    def cut_after_report(self):
        """Reports are accepted while the service cannot be reached, and the power goes at once."""
        self.open_door()
        outcomes, _ = self.weighings(4)
        accepted = set()
        self.box.wire(False)
        self.until("the reports are accepted", lambda: self.report(outcomes, accepted) or len(accepted) == len(outcomes), 30)
        self.box.cut_power()
        sent = {path_of(report) for report in self.service.reports()}
        self.needs(not accepted & sent, "a report was sent before it could be")
        self.box.start()
        self.until("all parts ok after the cut", self.all_ok, 180)
        twice = self.arrived(accepted)
        self.say("power cut in the moment in which reports were accepted", f"{len(accepted)} accepted without a network, {len(accepted)} at the service after the boot, {twice} sent twice")

    def cut_after(self, seconds):
        """Cuts the power then; also gives what says that it was this that happened."""
        gone = threading.Event()

        def cut():
            gone.set()
            self.box.cut_power()

        timer = threading.Timer(seconds, cut)
        timer.start()
        return timer, gone

    def report_until(self, accepted, ended):
        """Reports each new weighing until the power goes."""
        mark = self.mark()
        while not ended():
            new = [outcome for outcome in self.outcomes(mark) if outcome["result"] == "recognised"]
            self.report([outcome for outcome in new if outcome["recognition_id"] not in accepted], accepted)

    def cuts(self):
        """The power is cut at random moments: during the boot, while it weighs, and while reports are accepted."""
        self.open_door()
        chance = random.Random(self.seed)
        ids = [outcome["weighing"] for outcome in self.outcomes()]
        self.box.run("sync")
        self.box.cut_power()
        accepted, boots, slowest = set(), 0, 0.0
        for number in range(self.cut_times):
            begin = time.monotonic()
            # every fourth moment lies in the boot, which takes a while
            timer = None
            if number % 4 == 3:
                timer, gone = self.cut_after(chance.uniform(1, 0.9 * slowest))
            try:
                took = self.box.start()
                self.until("all parts ok after the cut", self.all_ok, 180)
                boots, slowest = boots + 1, max(slowest, took)
                if timer is None:
                    timer, gone = self.cut_after(chance.uniform(0, 12))
                self.report_until(accepted, gone.is_set)
            except (Trouble, OSError):
                if timer is None or not gone.is_set():
                    raise
            timer.join()
            self.log.write(f"cut {number} after {time.monotonic() - begin:.1f} s, {len(accepted)} reports accepted so far\n".encode())
        self.box.start()
        self.until("all parts ok after the last cut", self.all_ok, 180)
        self.kept(ids)
        self.box.run(f"scalecam outbox verify --file {OUTBOX}")
        twice = self.arrived(accepted)
        self.weighings(1)
        self.say(f"power cut at {self.cut_times} random moments (seed {self.seed})",
                 f"booted and weighed after each of {boots + 1} full boots; {len(accepted)} reports accepted, none lost, {twice} sent twice under their key")

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
