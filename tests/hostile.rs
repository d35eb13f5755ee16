//! A service that means harm, or is out of its mind: no weighing hangs, nothing grows, the key goes nowhere else.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod bench;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench::{Bench, KEY, PATIENT, SHORT, failure, free_address};
use scalecam::practice::service::{Fault, Options, Service};
use scalecam::recognition::{Failure, KeySource, NoKey, ServiceUrl, Session, Settings, State};
use scalecam::stamp::Clock;

/// The memory that this process, the practice service included, has in use, in kilobytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn answers_without_an_end_or_without_sense_keep_the_deadline_and_the_memory() {
    let bench = Bench::connected(Options::default()).await;
    let all = [
        ("endless", "not_understood", "longer than 256 KB"),
        ("huge", "not_understood", "longer than 256 KB"),
        ("endless-head", "unreachable", ""),
        ("endless-interim", "unreachable", "the head of an answer was not over"),
        ("slow", "deadline", "waiting for the answer"),
        ("dribble", "deadline", "waiting for the answer"),
        ("hang", "deadline", "waiting for the answer"),
        ("picture", "not_understood", ""),
        ("web-page", "not_understood", "web page"),
        ("nonsense", "not_understood", ""),
        ("truncate", "unreachable", "broke before the answer was complete"),
        ("status:204", "not_understood", "204"),
        ("status:599", "server_error", "599"),
    ];
    let mut before = 0;
    for round in 0..12 {
        for (fault, kind, said) in all {
            let within = if kind == "deadline" { SHORT } else { PATIENT };
            let faults: Fault = fault.parse().unwrap();
            bench.service.script(std::iter::repeat_n(faults, if kind == "server_error" { 2 } else { 1 }));
            let failed = failure(bench.weigh(500, within).await);
            assert_eq!(failed.kind(), kind, "{fault}: {failed}");
            assert!(failed.to_string().contains(said), "{fault}: {failed}");
            assert!(bench.weigh(70, PATIENT).await.result.is_ok(), "after {fault}");
        }
        // the first rounds fill what is kept for good
        if round == 2 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 8_192, "{} more weighings took {grown} KB", 9 * 2 * all.len());
}

#[tokio::test]
async fn numbers_without_measure_are_no_reason_to_fall_over() {
    let bench = Bench::connected(Options::default()).await;
    for after in ["18446744073709551615", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", ""] {
        let failed = failure(bench.fault(Fault::Status(429, Some(after.to_owned())), SHORT).await);
        assert!(matches!(failed.kind(), "throttled" | "paused"), "{after}: {failed}");
    }
    let failed = failure(bench.weigh(70, SHORT).await);
    let Failure::Paused { left, .. } = failed else { panic!("{failed}") };
    assert!(left <= Duration::from_hours(1), "{left:?}");
}

#[tokio::test]
async fn a_date_to_come_is_waited_for_when_the_deadline_leaves_room() {
    let bench = Bench::connected(Options::default()).await;
    // the date that just went by: the silence is over
    let date = Clock::system().utc_at(Clock::system().now()).to_rfc2822().replace("+0000", "GMT");
    let attempted = bench.fault(Fault::Status(429, Some(date)), PATIENT).await;
    assert!(attempted.result.is_ok(), "{:?}", attempted.result);
    assert_eq!(attempted.facts.attempts, 2);
    let keys: Vec<_> = bench.service.take_requests().into_iter().map(|each| each.idempotency_key).collect();
    assert_eq!(keys, [Some("01JWEIGHING500".to_owned()), Some("01JWEIGHING500".to_owned())]);
}

#[tokio::test]
async fn the_key_follows_no_redirect() {
    let bench = Bench::connected(Options::default()).await;
    let elsewhere = Service::start(Options::default()).await.unwrap();
    for code in ["301", "302", "303", "307", "308"] {
        // 307 with the address of a service that would take the request, the others without one
        let fault = match code {
            "307" => Fault::Redirect(format!("{}recognition/", elsewhere.url())),
            code => format!("status:{code}").parse().unwrap(),
        };
        let failed = failure(bench.fault(fault, PATIENT).await);
        assert_eq!(failed.kind(), "redirected", "{code}: {failed}");
    }
    assert_eq!(elsewhere.counters().connections, 0);
}

#[tokio::test]
async fn a_certificate_that_goes_bad_while_running_stops_new_connections_only() {
    let bench = Bench::connected(Options::default()).await;
    bench.service.obey("certificate expired".parse().unwrap()).unwrap();
    assert!(bench.weigh(70, PATIENT).await.result.is_ok(), "the connection there is was proved before");
    assert!(bench.fault(Fault::CloseAfter, PATIENT).await.result.is_ok());
    bench.closed(1).await;
    let failed = failure(bench.weigh(70, PATIENT).await);
    assert_eq!(failed.kind(), "tls", "{failed}");
    bench.service.obey("certificate good".parse().unwrap()).unwrap();
    bench.until(|state| *state == State::Connected).await;
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
}

#[tokio::test]
async fn a_missing_key_is_said_first_even_when_nothing_answers() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        url: ServiceUrl::parse(&format!("https://{}/v1/15/", free_address())).unwrap(),
        api_key_file: folder.path().join("key"),
        ..Settings::default()
    };
    let source = KeySource::new(None, settings.api_key_file.clone());
    let session = Session::open(settings, source, Clock::system()).unwrap();
    let state = session.state().borrow().clone();
    assert!(matches!(state, State::NoKey(NoKey::Missing { .. })), "before any exchange: {state:?}");
    while session.tally().failed_connections < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(*session.state().borrow(), State::NoKey(_)), "the network is down as well");
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    session.reload_key().unwrap();
    let mut states = session.state();
    states.wait_for(|state| matches!(state, State::Unreachable(_))).await.unwrap();
}

/// A process of the program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn scalecam() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scalecam"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn the_practice_service_takes_orders_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, client) = (folder.path().join("ca.pem"), folder.path().join("client.pem"));
    let mut command = scalecam();
    command.args(["practice", "service", "--ca-file", ca.to_str().unwrap()]);
    let mut running = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let ready: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let settings = Settings {
        url: ServiceUrl::parse(ready["url"].as_str().unwrap()).unwrap(),
        ca_file: Some(ca),
        ..Settings::default()
    };
    std::fs::write(folder.path().join("key"), KEY).unwrap();
    let source = KeySource::new(None, folder.path().join("key"));
    let session = Session::open(settings, source, Clock::system()).unwrap();
    assert!(session.recognise(bench::body(70), "01J", PATIENT).await.result.is_ok());
    let mut orders = running.0.stdin.take().unwrap();
    let mut said = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let mut order = |line: &str| {
        writeln!(orders, "{line}").unwrap();
        said.by_ref().map(Result::unwrap).find(|said| said.contains(line)).unwrap()
    };
    assert!(order("fault hang").contains("expected faults"));
    assert_eq!(order("faults status:422"), "done: faults status:422");
    assert_eq!(failure(session.recognise(bench::body(70), "01J", PATIENT).await).kind(), "refused");
    // the end of the orders is not the end of the service
    drop(orders);
    assert!(session.recognise(bench::body(70), "01J", PATIENT).await.result.is_ok());
    assert!(!client.exists());
}

#[test]
fn the_agent_leaves_no_core() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("config.toml");
    let text = "[device]\nid = \"a\"\n[scale]\nport = \"sim:mt-sics\"\n[camera]\nkind = \"synthetic\"\n[recognition]\nurl = \"https://127.0.0.1:9/\"\n";
    std::fs::write(&settings, text).unwrap();
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_scalecam");
    let line = format!("ulimit -c unlimited; exec {program} run --config {}", settings.display());
    command.args(["-c", &line]).current_dir(&folder).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut said = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("started")), "it did not start");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // for kernels that pipe cores to a program whatever the limit says
    let filter = std::fs::read_to_string(format!("/proc/{}/coredump_filter", running.0.id())).unwrap();
    assert_eq!(filter.trim(), "00000000");
    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
    let ended = running.0.wait().unwrap();
    assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&ended), "{ended}");
    assert!(said.all(|line| !line.contains(KEY)));
}
