//! What keeps the session quick: connections made before they are needed, the dead ones noticed, second tries
//! where they are safe and nowhere else.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod bench;

use std::time::Duration;

use bench::{Bench, PATIENT, Relay, SHORT, body, failure, free_address};
use bytes::Bytes;
use scalecam::practice::service::{Fault, Options};
use scalecam::recognition::{Failure, ServiceUrl, Settings, State};

/// Lets almost that much time pass at once, for the session and the service alike. The rest passes by itself:
/// what is due then must not run while the clock stands, for a stopped clock that waits for bytes jumps ahead.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time.saturating_sub(Duration::from_millis(50))).await;
    tokio::time::resume();
}

/// Weighs until the service is no longer left alone.
async fn weigh_again(bench: &Bench) -> scalecam::recognition::Attempted {
    loop {
        let attempted = bench.weigh(70, PATIENT).await;
        if !attempted.result.as_ref().is_err_and(|failure| failure.kind() == "paused") {
            return attempted;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until the session has made so many connections; the service sees them a moment earlier.
async fn connections(bench: &Bench, count: u64) {
    bench.service.watch().wait_for(|counters| counters.connections == count).await.unwrap();
    while bench.session.tally().connections < count {
        tokio::task::yield_now().await;
    }
}

/// A request too long for the buffers between the session and the service.
fn long_body() -> Bytes {
    let mut text = String::from_utf8(body(500).to_vec()).unwrap();
    text.pop();
    Bytes::from(format!(r#"{text},"padding":"{}"}}"#, "x".repeat(600_000)))
}

#[tokio::test]
async fn the_connection_is_there_before_the_first_weighing() {
    let bench = Bench::connected(Options::default()).await;
    let seen = bench.service.counters();
    assert_eq!((seen.connections, seen.recognitions, seen.others), (1, 0, 0));
    let facts = bench.weigh(70, PATIENT).await.facts;
    assert!(facts.reused);
    assert_eq!((facts.attempts, facts.connection), (1, 1));
}

#[tokio::test]
async fn a_weighing_that_comes_at_once_waits_for_the_one_connection() {
    let bench = Bench::new(Options::default()).await;
    for grams in 1..=5 {
        let attempted = bench.weigh(grams, PATIENT).await;
        assert!(attempted.result.is_ok());
        assert_eq!(attempted.facts.reused, grams > 1);
    }
    assert_eq!(bench.service.counters().connections, 1);
    assert_eq!((bench.session.tally().waited, bench.session.tally().reused), (1, 4));
}

#[tokio::test]
async fn a_connection_made_for_a_request_that_is_lost_gets_no_second_try() {
    for fault in [Fault::Close, Fault::Reset] {
        let bench = Bench::new(Options { faults: vec![fault.clone()], ..Options::default() }).await;
        let attempted = bench.weigh(70, PATIENT).await;
        assert_eq!((attempted.facts.attempts, attempted.facts.reused), (1, false), "{fault:?}");
        assert_eq!(failure(attempted).kind(), "unreachable");
        assert_eq!(bench.service.counters().recognitions, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_byte_of_an_answer_forbids_a_second_try() {
    let bench = Bench::connected(Options::default()).await;
    let attempted = bench.fault(Fault::PartialHead, PATIENT).await;
    assert_eq!((attempted.facts.attempts, attempted.facts.reused), (1, true));
    assert_eq!(failure(attempted).kind(), "unreachable");
    assert_eq!(bench.service.counters().recognitions, 1);
}

#[tokio::test]
async fn a_connection_that_the_service_ends_is_made_again_without_a_weighing() {
    let bench = Bench::connected(Options::default()).await;
    assert!(bench.fault(Fault::CloseAfter, PATIENT).await.result.is_ok());
    connections(&bench, 2).await;
    bench.closed(1).await;
    let attempted = bench.weigh(70, PATIENT).await;
    assert!(attempted.result.is_ok());
    assert_eq!((attempted.facts.attempts, attempted.facts.reused, attempted.facts.connection), (1, true, 2));
    let tally = bench.session.tally();
    assert_eq!((tally.connections, tally.resumed), (2, 1), "the TLS session was resumed");
}

#[tokio::test]
async fn a_failing_service_is_asked_once_more_and_over_another_connection() {
    let bench = Bench::connected(Options::default()).await;
    let attempted = bench.fault(Fault::Status(503, None), PATIENT).await;
    assert!(attempted.result.is_ok(), "{:?}", attempted.result);
    assert_eq!((attempted.facts.attempts, attempted.facts.connection), (2, 2));
    let attempted = bench.fault(Fault::Status(500, None), PATIENT).await;
    assert_eq!(
        (attempted.facts.attempts, attempted.facts.connection),
        (2, 2),
        "500 may be about one request"
    );

    bench.service.script([Fault::Status(500, None), Fault::Status(503, None)]);
    let attempted = bench.weigh(70, PATIENT).await;
    assert_eq!(attempted.facts.attempts, 2);
    let failed = failure(attempted);
    assert_eq!(
        (failed.kind(), failed.to_string().contains("503: practice fault 503")),
        ("server_error", true)
    );
    let attempted = bench.fault(Fault::Status(500, None), SHORT).await;
    assert_eq!(attempted.facts.attempts, 1, "there was no time for another");
    assert_eq!(bench.session.tally().retried, 3);
}

#[tokio::test]
async fn a_service_that_hangs_is_asked_once_more_when_there_is_time() {
    let bench = Bench::with(Options::default(), |settings| {
        settings.session = toml::from_str("response_ms = 300").unwrap();
    })
    .await;
    bench.until(|state| *state == State::Connected).await;
    let attempted = bench.fault(Fault::Hang, PATIENT).await;
    assert!(attempted.result.is_ok());
    assert_eq!(attempted.facts.attempts, 2);
    let attempted = bench.fault(Fault::Hang, Duration::from_millis(900)).await;
    assert_eq!((attempted.facts.attempts, failure(attempted).kind()), (1, "deadline"));
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_kept_and_not_shown() {
    let delay = Duration::from_millis(400);
    let bench = Bench::connected(Options { delay, ..Options::default() }).await;
    let mut late = bench.session.late().unwrap();
    assert!(bench.session.late().is_none(), "one fetches them");
    let failed = failure(bench.weigh(70, Duration::from_millis(100)).await);
    assert_eq!(failed.kind(), "deadline", "{failed}");
    let came = late.recv().await.unwrap();
    assert_eq!(came.weighing, "01JWEIGHING70");
    assert_eq!(came.recognition.id.as_str(), bench.service.take_requests().pop().unwrap().recognition_id);
    assert_eq!(bench.session.tally().late, 1);
}

#[tokio::test]
async fn silence_is_kept_when_the_service_asks_for_it() {
    let bench = Bench::connected(Options::default()).await;
    let attempted = bench.fault(Fault::Status(429, Some("0".to_owned())), PATIENT).await;
    assert!(attempted.result.is_ok(), "the silence was over before the deadline");
    assert_eq!(attempted.facts.attempts, 2);
    let attempted = bench.fault(Fault::Status(429, Some("3600".to_owned())), PATIENT).await;
    assert_eq!((attempted.facts.attempts, failure(attempted).kind()), (1, "throttled"));
    let attempted = bench.weigh(70, PATIENT).await;
    assert_eq!(attempted.facts.attempts, 0, "nothing is sent");
    let failed = failure(attempted);
    assert_eq!(failed.kind(), "paused");
    assert!(failed.to_string().contains("left alone for another 3"), "{failed}");
    pass(Duration::from_hours(1)).await;
    assert!(weigh_again(&bench).await.result.is_ok());
}

#[tokio::test]
async fn a_service_that_fails_in_a_row_is_left_alone_until_it_answers_a_ping() {
    let bench = Bench::connected(Options::default()).await;
    for _ in 0..5 {
        assert_eq!(failure(bench.fault(Fault::Truncate, PATIENT).await).kind(), "unreachable");
    }
    assert_eq!(failure(bench.weigh(70, PATIENT).await).kind(), "paused");
    assert_eq!(bench.service.counters().recognitions, 5);
    let pings = bench.service.counters().others;
    pass(Duration::from_secs(10)).await;
    bench.service.watch().wait_for(|counters| counters.others > pings).await.unwrap();
    // the answer to the ping must have been read as well
    let attempted = weigh_again(&bench).await;
    assert!(attempted.result.is_ok(), "{:?}", attempted.result);
}

fn through(address: std::net::SocketAddr) -> impl FnOnce(&mut Settings) {
    move |settings| settings.url = ServiceUrl::parse(&format!("https://{address}/v1/15/")).unwrap()
}

#[tokio::test]
async fn a_line_that_dies_under_a_request_is_left_for_a_new_one() {
    let address = free_address();
    let bench = Bench::with(Options::default(), through(address)).await;
    let relay = Relay::start(address, bench.service.address());
    bench.until(|state| *state == State::Connected).await;
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
    relay.freeze();
    // sooner than the kernel's own limit for bytes without acknowledgement, 3 s
    let within = Duration::from_millis(2_800);
    let attempted = bench.session.recognise(long_body(), "01JLONG", within).await;
    assert!(attempted.result.is_ok(), "{:?}", attempted.result);
    assert_eq!((attempted.facts.attempts, attempted.facts.reused), (2, false));
    let tally = bench.session.tally();
    assert_eq!((tally.resent_safely, tally.resent_kept), (1, 0), "bytes that never left prove it");
}

#[tokio::test]
async fn a_line_that_died_while_idle_is_replaced_while_the_load_settles() {
    let address = free_address();
    let bench = Bench::with(Options::default(), through(address)).await;
    let relay = Relay::start(address, bench.service.address());
    bench.until(|state| *state == State::Connected).await;
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
    relay.freeze();
    pass(Duration::from_secs(11)).await;
    bench.session.arm();
    connections(&bench, 2).await;
    let attempted = bench.weigh(70, PATIENT).await;
    assert!(attempted.result.is_ok());
    assert_eq!((attempted.facts.attempts, attempted.facts.connection), (1, 2));
    assert_eq!(bench.session.tally().failed_pings, 1);
}

#[tokio::test]
async fn the_idle_limit_is_learned_once_and_then_kept() {
    let idle = Some(Duration::from_secs(10));
    let bench = Bench::connected(Options { idle, ..Options::default() }).await;
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
    pass(Duration::from_secs(10)).await;
    // at once, not only when the keeper would have looked after the line anyway, 10 s later
    tokio::time::timeout(Duration::from_secs(5), connections(&bench, 2)).await.unwrap();
    assert!(bench.weigh(70, PATIENT).await.facts.reused);
    for round in 1..=3 {
        // a fifth before the limit that was seen
        pass(Duration::from_millis(8_050)).await;
        bench.service.watch().wait_for(|counters| counters.others == round).await.unwrap();
        while bench.session.tally().pings < round {
            tokio::task::yield_now().await;
        }
    }
    let attempted = bench.weigh(70, PATIENT).await;
    assert_eq!((attempted.facts.attempts, attempted.facts.connection), (1, 2));
    assert_eq!(bench.session.tally().closed_by_service, 1);
}

#[tokio::test]
async fn http2_is_spoken_when_the_settings_want_it() {
    let bench = Bench::with(Options { http2: true, ..Options::default() }, |settings| {
        settings.session = toml::from_str("http2 = true").unwrap();
    })
    .await;
    for grams in 1..=5 {
        let attempted = bench.weigh(grams, PATIENT).await;
        assert!(attempted.result.is_ok(), "{:?}", attempted.result);
        assert_eq!(attempted.facts.protocol, "h2");
    }
    assert_eq!(bench.service.counters().connections, 1);
    let plain = Bench::connected(Options { http2: true, ..Options::default() }).await;
    assert_eq!(plain.weigh(70, PATIENT).await.facts.protocol, "http/1.1", "not unless it is wanted");
}

#[tokio::test]
async fn nothing_is_unreachable_for_longer_than_the_deadline() {
    // a listener that takes connections and says nothing: TLS never comes about
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = Bench::with(Options::default(), through(silent.local_addr().unwrap())).await;
    let failed = failure(bench.weigh(70, SHORT).await);
    assert_eq!(failed, Failure::Deadline { within: SHORT, stage: "connecting" });
}
