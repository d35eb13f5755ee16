//! The agent as a program: a scale on a pseudo-terminal, a service over TLS, photographs in a folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use scalecam::practice::scale::{Character, Options as ScaleOptions, PracticeScale};
use scalecam::practice::service::{Fault, Options as ServiceOptions, Received, Service};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_scalecam");
const KEY: &str = "k3y-that-nobody-may-see";
/// Far beyond anything that works.
const LIMIT: Duration = Duration::from_secs(20);

/// Everything around an agent.
struct Shop {
    folder: TempDir,
    scale: PracticeScale,
    service: Service,
}

impl Shop {
    async fn with(protocol: &str, service: ServiceOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scale = PracticeScale::start(ScaleOptions {
            character: Character::default().faster(4),
            link: Some(folder.path().join("scale")),
            ..ScaleOptions::new(protocol)
        });
        let service =
            Service::start(ServiceOptions { api_key: Some(KEY.to_owned()), ..service }).await.unwrap();
        let shop = Self { folder, scale: scale.unwrap(), service };
        fs::write(shop.path("key"), format!("{KEY}\n")).unwrap();
        fs::write(shop.path("ca.pem"), shop.service.ca_pem()).unwrap();
        fs::create_dir(shop.path("frames")).unwrap();
        for (name, shade) in [("a.jpg", 40), ("b.jpg", 200)] {
            fs::write(shop.path("frames").join(name), jpeg(shade)).unwrap();
        }
        shop.settings(protocol, "");
        shop
    }

    async fn of(protocol: &str) -> Self {
        Self::with(protocol, ServiceOptions::default()).await
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, protocol: &str, more: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "[device]\nid = \"LANE-07\"\n\
             [scale]\nport = \"{folder}/scale\"\nprotocol = \"{protocol}\"\ndivision_g = 5\n\
             [camera]\nkind = \"folder\"\nfolder = \"{folder}/frames\"\n\
             [recognition]\nurl = \"{}\"\napi_key_file = \"{folder}/key\"\nca_file = \"{folder}/ca.pem\"\n\
             [[sink]]\nkind = \"stdout\"\n{more}",
            self.service.url()
        );
        fs::write(self.path("config.toml"), text).unwrap();
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg(name).arg("--config").arg(self.path("config.toml")).env("SCALECAM_LOG", "trace");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts the agent and waits until scale and camera deliver.
    async fn agent(&self) -> Agent {
        let mut agent = self.start();
        agent.log_until_all(&["started", "scale: ok"]).await;
        agent
    }

    /// Starts the agent. What it says first, and in which order, is up to what is there.
    fn start(&self) -> Agent {
        let mut child = self.command("run").spawn().unwrap();
        let outcomes = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Agent { child, outcomes, log, heard: String::new() }
    }

    /// Puts goods down, gives the outcome, takes them away and waits for an empty plate.
    async fn weigh(&self, agent: &mut Agent, grams: i32) -> Value {
        self.scale.put(grams);
        let outcome = agent.outcome().await;
        self.take_away(agent).await;
        outcome
    }

    async fn take_away(&self, agent: &mut Agent) {
        self.scale.take_away();
        agent.log_until("phase=Empty").await;
    }
}

struct Agent {
    child: Child,
    outcomes: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    heard: String,
}

impl Agent {
    async fn outcome(&mut self) -> Value {
        let next = async {
            loop {
                tokio::select! {
                    line = self.outcomes.next_line() => {
                        let line = line.unwrap().expect("the agent ended");
                        self.heard.push_str(&line);
                        return serde_json::from_str(&line).unwrap();
                    }
                    line = self.log.next_line() => self.heard.push_str(&line.unwrap().unwrap_or_default()),
                }
            }
        };
        timeout(LIMIT, next).await.expect("no outcome")
    }

    async fn log_until(&mut self, word: &str) {
        self.log_until_all(&[word]).await;
    }

    /// Reads the log until all of these were said, in whatever order.
    async fn log_until_all(&mut self, words: &[&str]) {
        let mut left = words.to_vec();
        let log = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.heard.push_str(&line);
                self.heard.push('\n');
                left.retain(|word| !line.contains(word));
                if left.is_empty() {
                    return;
                }
            }
            panic!("the log ended before {words:?}: {}", self.heard);
        };
        let said = timeout(LIMIT, log).await.is_ok();
        assert!(said, "not all of {words:?} was said: {}", self.heard);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Ends the agent the way the service manager does; gives everything it ever said.
    async fn end(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        while let Some(line) = self.log.next_line().await.unwrap() {
            self.heard.push_str(&line);
        }
        let status = timeout(LIMIT, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}: {}", self.heard);
        assert!(!self.heard.contains(KEY), "the key was said");
        self.heard
    }
}

/// A small picture of one shade.
fn jpeg(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.encode(&vec![shade; 640 * 400], 640, 400, jpeg_encoder::ColorType::Luma).unwrap();
    bytes
}

fn weights(requests: &[Received]) -> Vec<&str> {
    requests.iter().map(|request| request.weight_grams.as_deref().unwrap()).collect()
}

async fn one_request_for_each_placement(protocol: &str) {
    let shop = Shop::of(protocol).await;
    let mut agent = shop.agent().await;
    for grams in [1235, 180, 180, 2490] {
        let outcome = shop.weigh(&mut agent, grams).await;
        assert_eq!(outcome["result"], "recognised", "{outcome}");
        assert_eq!(outcome["grams"], f64::from(grams));
        assert_eq!(outcome["trigger"], "settled");
        assert_eq!(outcome["simulated"], false);
        assert_eq!(outcome["device_id"], "LANE-07");
        assert_eq!(outcome["disturbed"], false, "{outcome}");
        assert!(outcome["captured_at"].as_str() >= outcome["settled_at"].as_str(), "{outcome}");
        assert_eq!(
            (&outcome["picture"]["height"], &outcome["picture"]["mode"]),
            (&384.into(), &"crop".into())
        );
    }
    let requests = shop.service.take_requests();
    assert_eq!(weights(&requests), ["1235.0", "180.0", "180.0", "2490.0"]);
    assert!(
        requests.iter().all(|request| request.status == 200 && request.remarks.is_empty()),
        "{requests:?}"
    );
    assert_eq!(shop.service.counters().connections, 1);
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mt_sics_from_the_scale_to_the_service() {
    one_request_for_each_placement("mt-sics").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn toledo_8217_from_the_scale_to_the_service() {
    one_request_for_each_placement("toledo-8217").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_gs_from_the_scale_to_the_service() {
    one_request_for_each_placement("st-gs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_is_written_to_every_sink() {
    let shop = Shop::of("mt-sics").await;
    let (file, copy) = (shop.path("weighings.jsonl"), shop.path("copy"));
    let script = shop.path("on-result");
    fs::write(&script, format!("#!/bin/sh\ncat >> {}\n", copy.display())).unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let till = PracticeScale::start(ScaleOptions::new("mt-sics")).unwrap();
    shop.settings(
        "mt-sics",
        &format!(
            "[[sink]]\nkind = \"file\"\npath = \"{}\"\n\
             [[sink]]\nkind = \"scale-display\"\ntext = \"{{product}} {{weight}}\"\n\
             [[sink]]\nkind = \"command\"\nrun = [\"/bin/sleep\", \"60\"]\n\
             [[sink]]\nkind = \"command\"\nrun = [\"{}\"]\n\
             [[sink]]\nkind = \"serial\"\nport = \"{}\"\ntext = \"{{product}};{{grams}}\\r\\n\"\n\
             [[sink]]\nkind = \"serial\"\nport = \"/dev/no-such-port\"\ntext = \"x\"\n\
             [products]\n\"405310\" = \"Lemon\"\n",
            file.display(),
            script.display(),
            till.path().unwrap().display()
        ),
    );
    let mut agent = shop.agent().await;
    shop.scale.put(1235);
    let outcome = agent.outcome().await;
    assert_eq!(outcome["options"][0]["name"], "Lemon", "{outcome}");
    assert_eq!(shop.scale.shown().as_deref(), Some("Lemon 1.235 kg"));
    assert!(outcome["ms"]["write_back"].as_f64().is_some(), "{outcome}");
    shop.take_away(&mut agent).await;
    timeout(LIMIT, shop.scale.watch().wait_for(|state| state.text.is_none())).await.unwrap().unwrap();
    agent.end().await;
    assert_eq!(String::from_utf8_lossy(&till.heard()), "Lemon;1235\r\n");
    for written in [file, copy] {
        let lines = fs::read_to_string(&written).unwrap();
        assert_eq!(
            lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>(),
            std::slice::from_ref(&outcome)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_outcomes_too_and_the_agent_carries_on() {
    // A server error is tried once more, so it takes two of them to be an outcome.
    let sick = || Fault::Status(503, None);
    let faults = vec![Fault::Nonsense, sick(), sick(), Fault::Status(401, None), Fault::Truncate];
    let shop = Shop::with("mt-sics", ServiceOptions { faults, ..ServiceOptions::default() }).await;
    shop.settings("mt-sics", "[[sink]]\nkind = \"scale-display\"\ntext = \"{product}\"\n");
    let mut agent = shop.agent().await;
    let mut kinds = Vec::new();
    for grams in [500, 700, 900, 1100, 1300] {
        let outcome = shop.weigh(&mut agent, grams).await;
        kinds.push(outcome["error"]["kind"].as_str().unwrap_or("none").to_owned());
    }
    assert_eq!(kinds, ["not_understood", "server_error", "refused", "unreachable", "none"]);
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_is_too_large_goes_smaller_at_once_and_from_then_on() {
    // between what the camera's own picture takes in base64 and what it takes cut and coded again
    let shop =
        Shop::with("mt-sics", ServiceOptions { most_bytes: 40_000, ..ServiceOptions::default() }).await;
    let mut noise = 1_u32;
    let pixels: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        90 + (noise >> 28) as u8
    })
    .take(640 * 400)
    .collect();
    for name in ["a.jpg", "b.jpg"] {
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder.encode(&pixels, 640, 400, jpeg_encoder::ColorType::Luma).unwrap();
        assert!(bytes.len() > 40_000, "{}", bytes.len());
        fs::write(shop.path("frames").join(name), bytes).unwrap();
    }
    // a machine that is busy with other tests takes its time to code pictures
    let text = fs::read_to_string(shop.path("config.toml")).unwrap();
    let patient = "frame_wait_ms = 10000\n[recognition]\ndeadline_ms = 20000\n";
    fs::write(shop.path("config.toml"), text.replace("[recognition]\n", patient)).unwrap();
    let mut agent = shop.agent().await;
    let (mut attempts, mut sizes) = (Vec::new(), Vec::new());
    for grams in [500, 700, 900, 1100, 1300] {
        let outcome = shop.weigh(&mut agent, grams).await;
        if outcome["result"] == "recognised" {
            attempts.push(outcome["session"]["attempts"].as_u64().unwrap());
            assert_eq!(outcome["picture"]["mode"], "fit", "{outcome}");
        } else {
            assert!(outcome["error"]["message"].as_str().unwrap().contains("413"), "{outcome}");
        }
        sizes.push(outcome["picture"]["bytes"].as_u64().unwrap());
    }
    assert!(sizes.is_sorted_by(|one, next| one >= next), "{sizes:?}");
    assert!(
        attempts.len() >= 3 && attempts.iter().skip(1).all(|&times| times == 1),
        "{attempts:?} {sizes:?}"
    );
    let seen = shop.service.take_requests();
    assert_eq!(seen[0].idempotency_key, seen[1].idempotency_key, "both sizes belong to one weighing");
    let heard = agent.end().await;
    assert!(heard.contains("too large (413)"), "{heard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_hangs_costs_the_deadline_and_no_more() {
    let shop =
        Shop::with("mt-sics", ServiceOptions { faults: vec![Fault::Hang], ..ServiceOptions::default() })
            .await;
    let text = fs::read_to_string(shop.path("config.toml")).unwrap();
    fs::write(
        shop.path("config.toml"),
        text.replace("[recognition]\n", "[recognition]\ndeadline_ms = 700\n"),
    )
    .unwrap();
    let mut agent = shop.agent().await;
    let outcome = shop.weigh(&mut agent, 500).await;
    assert_eq!(outcome["error"]["kind"], "deadline");
    assert!((700.0..1500.0).contains(&outcome["ms"]["total"].as_f64().unwrap()), "{outcome}");
    assert_eq!(shop.weigh(&mut agent, 800).await["result"], "recognised");
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_goods_never_get_the_result_of_those_before() {
    let delay = Duration::from_millis(1500);
    let shop = Shop::with("mt-sics", ServiceOptions { delay, ..ServiceOptions::default() }).await;
    let mut agent = shop.agent().await;
    shop.scale.put(500);
    let mut seen = shop.service.watch();
    timeout(LIMIT, seen.wait_for(|counters| counters.recognitions == 1)).await.unwrap().unwrap();
    shop.scale.put(700);
    let (first, second) = (agent.outcome().await, agent.outcome().await);
    assert_eq!((&first["grams"], &first["error"]["kind"]), (&500.0.into(), &"superseded".into()), "{first}");
    assert!(first["recognition_id"].is_string(), "the recognition took place and must be reported: {first}");
    assert_eq!((&second["grams"], &second["result"]), (&1200.0.into(), &"recognised".into()), "{second}");
    agent.end().await;
}

/// One frame a second, so that there is time between the settled weight and its picture.
async fn with_a_slow_camera() -> (Shop, Agent) {
    let shop = Shop::of("mt-sics").await;
    let text = fs::read_to_string(shop.path("config.toml")).unwrap();
    fs::write(shop.path("config.toml"), text.replace("[recognition]\n", "fps = 1\n[recognition]\n")).unwrap();
    let mut agent = shop.agent().await;
    shop.scale.put(500);
    agent.log_until("phase=Fired").await;
    (shop, agent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goods_that_leave_before_their_picture_are_not_sent_and_weighed_again_when_they_rest() {
    let (shop, mut agent) = with_a_slow_camera().await;
    shop.scale.put(-300);
    // Both may be waiting for the same frame, so either may end first.
    let mut both = [agent.outcome().await, agent.outcome().await];
    both.sort_by_key(|outcome| outcome["grams"].as_f64().unwrap() as u64);
    let [lighter, gone] = both;
    assert_eq!((&lighter["grams"], &lighter["result"]), (&200.0.into(), &"recognised".into()), "{lighter}");
    assert_eq!(gone["grams"], 500.0);
    let kind = gone["error"]["kind"].as_str().unwrap();
    assert!(["disturbed", "superseded"].contains(&kind), "{gone}");
    agent.end().await;
    let sent = weights(&shop.service.take_requests()).join(" ");
    assert_eq!(sent, "200.0", "no picture of goods that had gone was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_moves_a_little_while_its_picture_is_taken_is_marked() {
    let (shop, mut agent) = with_a_slow_camera().await;
    shop.scale.put(15);
    let outcome = agent.outcome().await;
    assert_eq!((&outcome["grams"], &outcome["result"]), (&500.0.into(), &"recognised".into()), "{outcome}");
    assert_eq!(outcome["disturbed"], true, "{outcome}");
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_broken_frames_means_no_picture_and_no_request() {
    let shop = Shop::of("mt-sics").await;
    for name in ["a.jpg", "b.jpg"] {
        let whole = fs::read(shop.path("frames").join(name)).unwrap();
        fs::write(shop.path("frames").join(name), &whole[..whole.len() / 2]).unwrap();
    }
    let mut agent = shop.agent().await;
    let outcome = shop.weigh(&mut agent, 500).await;
    assert_eq!(outcome["error"]["kind"], "no_picture", "{outcome}");
    assert_eq!(outcome["picture"], Value::Null);
    agent.end().await;
    assert_eq!(shop.service.counters().recognitions, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scale_that_is_pulled_out_comes_back_and_its_goods_are_not_weighed_twice() {
    let shop = Shop::of("mt-sics").await;
    let mut agent = shop.agent().await;
    shop.scale.put(1235);
    assert_eq!(agent.outcome().await["grams"], 1235.0);
    shop.scale.unplug();
    agent.log_until("the device is gone").await;
    shop.scale.plug_in();
    agent.log_until("scale: ok").await;
    shop.take_away(&mut agent).await;
    assert_eq!(shop.weigh(&mut agent, 400).await["grams"], 400.0);
    agent.end().await;
    assert_eq!(weights(&shop.service.take_requests()), ["1235.0", "400.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_there_at_start_is_said_and_heals() {
    let shop = Shop::of("mt-sics").await;
    fs::remove_file(shop.path("key")).unwrap();
    fs::rename(shop.path("frames"), shop.path("later")).unwrap();
    shop.scale.unplug();
    timeout(LIMIT, shop.scale.watch().wait_for(|state| state.path.is_none())).await.unwrap().unwrap();
    let mut agent = shop.start();
    agent.log_until_all(&["started", "there is no such device"]).await;
    fs::rename(shop.path("later"), shop.path("frames")).unwrap();
    shop.scale.plug_in();
    agent.log_until("scale: ok").await;
    let outcome = shop.weigh(&mut agent, 300).await;
    assert_eq!(outcome["error"]["kind"], "no_key", "{outcome}");
    fs::write(shop.path("key"), KEY).unwrap();
    agent.signal(rustix::process::Signal::HUP);
    agent.log_until_all(&["settings read again", "scale: ok"]).await;
    assert_eq!(shop.weigh(&mut agent, 600).await["result"], "recognised");
    let said = agent.end().await;
    assert_eq!(said.matches("there is no such device").count(), 1, "a state is said once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_hand_only_what_is_asked_for_is_weighed() {
    let shop = Shop::of("mt-sics").await;
    let text = fs::read_to_string(shop.path("config.toml")).unwrap();
    fs::write(shop.path("config.toml"), text + "[trigger]\nmanual = true\n").unwrap();
    let mut agent = shop.agent().await;
    shop.scale.put(1235);
    agent.log_until("phase=Fired").await;
    let asked = timeout(LIMIT, shop.command("trigger").output()).await.unwrap().unwrap();
    assert!(asked.status.success());
    let outcome: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!((&outcome["trigger"], &outcome["grams"]), (&"manual".into(), &1235.0.into()), "{outcome}");
    assert_eq!((&outcome["stability"], &outcome["result"]), (&"stable".into(), &"recognised".into()));
    assert_eq!(agent.outcome().await, outcome);
    agent.signal(rustix::process::Signal::USR1);
    assert_eq!(agent.outcome().await["trigger"], "manual");
    agent.end().await;
    assert_eq!(shop.service.counters().recognitions, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_settings_on_reload_are_reported_and_the_old_ones_stay() {
    let shop = Shop::of("mt-sics").await;
    let mut agent = shop.agent().await;
    shop.scale.put(500);
    assert_eq!(agent.outcome().await["device_id"], "LANE-07");
    let good = fs::read_to_string(shop.path("config.toml")).unwrap();
    fs::write(shop.path("config.toml"), good.replace("LANE-07", "LANE-08") + "nonsense = 1\n").unwrap();
    agent.signal(rustix::process::Signal::HUP);
    agent.log_until("the settings before stay in force").await;
    fs::write(shop.path("config.toml"), good.replace("LANE-07", "LANE-08")).unwrap();
    agent.signal(rustix::process::Signal::HUP);
    agent.log_until_all(&["settings read again", "scale: ok"]).await;
    shop.take_away(&mut agent).await;
    let next = shop.weigh(&mut agent, 700).await;
    assert_eq!((&next["device_id"], &next["grams"]), (&"LANE-08".into(), &700.0.into()));
    agent.end().await;
    assert_eq!(
        weights(&shop.service.take_requests()),
        ["500.0", "700.0"],
        "goods that lay there are not weighed again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_the_weighing_in_hand() {
    let delay = Duration::from_millis(800);
    let shop = Shop::with("mt-sics", ServiceOptions { delay, ..ServiceOptions::default() }).await;
    let mut agent = shop.agent().await;
    shop.scale.put(500);
    let mut seen = shop.service.watch();
    timeout(LIMIT, seen.wait_for(|counters| counters.recognitions == 1)).await.unwrap().unwrap();
    agent.signal(rustix::process::Signal::TERM);
    assert_eq!(agent.outcome().await["result"], "recognised");
    assert!(timeout(LIMIT, agent.child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_somebody_else_has_is_named_with_its_holder() {
    let shop = Shop::of("mt-sics").await;
    let mut agent = shop.agent().await;
    let settings = fs::read_to_string(shop.path("config.toml")).unwrap();
    let other = shop.path("other.toml");
    fs::write(&other, settings).unwrap();
    let watch = Command::new(PROGRAM).args(["watch", "--config"]).arg(&other).output();
    let output = timeout(LIMIT, watch).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.contains("in use by") && said.contains(&format!("pid {}", agent.child.id().unwrap())),
        "{said}"
    );
    let second = timeout(LIMIT, shop.command("run").output()).await.unwrap().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another agent is running"));
    assert_eq!(shop.weigh(&mut agent, 500).await["result"], "recognised");
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_picture_through_the_whole_path() {
    let shop = Shop::of("mt-sics").await;
    let output = shop.path("picture.jpg");
    let taken = shop.command("capture").arg("--output").arg(&output).output();
    let taken = timeout(LIMIT, taken).await.unwrap().unwrap();
    assert!(taken.status.success());
    let said = String::from_utf8_lossy(&taken.stderr);
    let at = said.split_once(", taken at ").unwrap().1.trim();
    let clock = scalecam::stamp::Clock::system();
    let at = chrono::DateTime::parse_from_rfc3339(at).unwrap();
    let age = clock.utc_at(clock.now()).signed_duration_since(at);
    assert!((0..60).contains(&age.num_seconds()), "{said}");
    let picture = fs::read(&output).unwrap();
    let size =
        scalecam::jpeg::Image::read(&picture).map(|image| (image.header().width, image.header().height));
    assert_eq!(size, Ok((640, 384)), "cut to five by three");
    assert!(!Path::new(&format!("{}.part", output.display())).exists());
    shop.settings("mt-sics", "[picture]\nmode = \"pass\"\n");
    let taken = shop.command("capture").arg("--output").arg(&output).output();
    assert!(timeout(LIMIT, taken).await.unwrap().unwrap().status.success());
    assert!([jpeg(40), jpeg(200)].contains(&fs::read(&output).unwrap()), "pass gives the very bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_fit_no_picture_of_the_camera_are_bad_settings() {
    let shop = Shop::of("mt-sics").await;
    let refused = async |more: &str, camera: Option<&str>| {
        shop.settings("mt-sics", more);
        if let Some(device) = camera {
            let text = fs::read_to_string(shop.path("config.toml")).unwrap();
            let device = format!("kind = \"v4l2\"\ndevice = \"{device}\"\n");
            fs::write(shop.path("config.toml"), text.replace("kind = \"folder\"\n", &device)).unwrap();
        }
        let taken = shop.command("capture").arg("--output").arg(shop.path("picture.jpg")).output();
        let output = timeout(LIMIT, taken).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        said
    };
    let said = refused("[picture]\nregion = [100, 100, 600, 360]\n", None).await;
    assert!(
        said.contains("the region [100, 100, 600, 360] is not inside the camera's picture of 640x400"),
        "{said}"
    );
    let said = refused("[picture]\nmasks = [[0, 0, 99, 99]]\ndrawn_on = [640, 360]\n", None).await;
    assert!(said.contains("were drawn on a picture of 640x360, and the camera's has 640x400"), "{said}");
    let said = refused("[picture]\nmasks = [[0, 0, 640, 400]]\n", None).await;
    assert!(said.contains("the masks cover the whole picture"), "{said}");
    let said = refused("", Some("/dev/null")).await;
    assert!(said.contains("/dev/null is no camera"), "{said}");
}
