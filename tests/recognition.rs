//! The session against the practice service, over real TLS on loopback.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod bench;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bench::{Bench, KEY, PATIENT, SHORT, failure, picture};
use bytes::Bytes;
use chrono::DateTime;
use scalecam::practice::service::{Certificate, Fault, Options, product_for};
use scalecam::recognition::{Failure, ResultType, ServiceUrl, State};
use scalecam::stamp::{Clock, Stamp};
use scalecam::weight::Weight;

#[tokio::test]
async fn a_hundred_weighings_travel_over_one_connection() {
    let bench = Bench::connected(Options::default()).await;
    for grams in 1..=100 {
        let attempted = bench.weigh(grams, PATIENT).await;
        let answer = attempted.result.unwrap();
        let expected = product_for(Weight::from_grams(grams)).unwrap().id;
        assert_eq!(answer.product.result, ResultType::Recognised);
        assert_eq!(answer.product.options[0].product_id.as_str(), expected);
        assert!(answer.id.as_str().starts_with("5ca1ecab-"));
        let facts = attempted.facts;
        assert!(facts.reused, "weighing {grams}");
        assert_eq!((facts.protocol, facts.attempts), ("http/1.1", 1));
    }
    let seen = bench.service.counters();
    assert_eq!((seen.connections, seen.recognitions, seen.answered), (1, 100, 100));
    let requests = bench.service.take_requests();
    assert_eq!(requests[41].weight_grams.as_deref(), Some("42.0"));
    assert_eq!(requests[41].idempotency_key.as_deref(), Some("01JWEIGHING42"));
    assert_eq!(requests[41].device_id, "LANE-01");
    assert_eq!(requests[41].picture, (picture().len(), 640, 360));
    assert_eq!(requests[41].capture_time, "2026-11-18T11:06:40.123Z");
    assert!(requests.iter().all(|request| request.connection == 1 && request.remarks.is_empty()));
}

#[tokio::test]
async fn every_fault_of_the_service_has_its_kind_and_the_session_goes_on() {
    let bench = Bench::connected(Options::default()).await;
    for (fault, kind, said) in [
        (Fault::Nonsense, "not_understood", "cannot be understood"),
        (Fault::WebPage, "not_understood", "web page"),
        (Fault::Truncate, "unreachable", "broke before the answer was complete"),
        (Fault::Endless, "not_understood", "longer than 256 KB"),
        ("redirect".parse().unwrap(), "redirected", "https://elsewhere.example"),
        (Fault::Status(401, None), "refused", "does not accept the API key (401: practice fault 401)"),
        (Fault::Status(403, None), "refused", "does not accept the API key"),
        (Fault::Status(413, None), "refused", "(413: practice fault 413)"),
        (Fault::Status(422, None), "refused", "practice fault 422"),
    ] {
        let failed = failure(bench.fault(fault.clone(), PATIENT).await);
        assert_eq!(failed.kind(), kind, "{fault:?}: {failed}");
        assert!(failed.to_string().contains(said), "{fault:?}: {failed}");
        assert!(bench.weigh(70, PATIENT).await.result.is_ok(), "after {fault:?}");
    }
    let failed = failure(bench.fault(Fault::Status(429, Some("7".to_owned())), SHORT).await);
    let Failure::Throttled { retry_after, .. } = failed else { panic!("{failed}") };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_service_that_takes_too_long_is_a_deadline() {
    let bench = Bench::connected(Options::default()).await;
    for fault in [Fault::Hang, Fault::Dribble] {
        let failed = failure(bench.fault(fault.clone(), SHORT).await);
        let stage = "waiting for the answer";
        assert_eq!(failed, Failure::Deadline { within: SHORT, stage }, "{fault:?}");
        assert!(bench.weigh(70, PATIENT).await.result.is_ok(), "after {fault:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_closed_without_a_byte_gets_one_second_try() {
    for fault in [Fault::Close, Fault::Reset, Fault::ResetEarly] {
        let bench = Bench::connected(Options::default()).await;
        let attempted = bench.fault(fault.clone(), PATIENT).await;
        assert!(attempted.result.is_ok(), "{fault:?}: {:?}", attempted.result);
        assert_eq!(attempted.facts.attempts, 2, "{fault:?}");
        assert!(!attempted.facts.reused, "{fault:?}");
        let names: Vec<_> =
            bench.service.take_requests().into_iter().map(|request| request.idempotency_key).collect();
        assert_eq!(names.len(), 2, "{fault:?}");
        assert_eq!(names[0], names[1], "both tries name the same weighing");
    }
}

#[tokio::test]
async fn there_is_never_a_third_try() {
    for fault in [Fault::Close, Fault::Reset] {
        let bench = Bench::connected(Options::default()).await;
        bench.service.script([fault.clone(), fault.clone()]);
        let attempted = bench.weigh(500, PATIENT).await;
        assert_eq!(attempted.facts.attempts, 2, "{fault:?}");
        assert_eq!(failure(attempted).kind(), "unreachable");
        assert_eq!(bench.service.counters().recognitions, 2, "{fault:?}");
    }
}

#[tokio::test]
async fn an_unannounced_close_between_weighings_costs_no_weighing() {
    let bench = Bench::connected(Options::default()).await;
    for (round, fault) in (1..).zip([Fault::CloseAfter, Fault::AnnouncedClose, Fault::CloseAfter]) {
        assert!(bench.fault(fault, PATIENT).await.result.is_ok());
        bench.closed(round).await;
        let attempted = bench.weigh(70, PATIENT).await;
        assert!(attempted.result.is_ok(), "{:?}", attempted.result);
        assert!(attempted.facts.attempts <= 2);
    }
}

#[tokio::test]
async fn certificates_that_prove_nothing_are_refused_with_the_reason() {
    for (certificate, said) in [
        (Certificate::Expired, "has expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::WrongName, "made out to another name"),
        (Certificate::SelfSigned, "nobody whom this machine trusts"),
        (Certificate::UnknownAuthority, "nobody whom this machine trusts"),
    ] {
        let bench = Bench::new(Options { certificate, ..Options::default() }).await;
        let failed = failure(bench.weigh(70, PATIENT).await);
        assert_eq!(failed.kind(), "tls", "{certificate:?}: {failed}");
        assert!(failed.to_string().contains(said), "{certificate:?}: {failed}");
        bench.until(|state| matches!(state, State::Unreachable(Failure::Tls { .. }))).await;
        assert_eq!(bench.service.counters().recognitions, 0, "no key went to a stranger");
    }
}

#[tokio::test]
async fn a_clock_that_was_never_set_is_not_a_bad_certificate() {
    let in_1970 = Clock::of_tokio(Stamp::from_millis(0), DateTime::from_timestamp(100, 0).unwrap());
    let bench = Bench::at(Options::default(), |_| {}, in_1970).await;
    let failed = failure(bench.weigh(70, PATIENT).await);
    assert_eq!(failed.kind(), "clock", "{failed}");
    assert!(failed.to_string().contains("1970-01-01"), "{failed}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable_and_heals_when_it_comes() {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let bench = Bench::with(Options::default(), |settings| {
        settings.url = ServiceUrl::parse(&format!("https://{address}/v1/15/")).unwrap();
    })
    .await;
    let failed = failure(bench.weigh(70, PATIENT).await);
    assert_eq!(failed.kind(), "unreachable", "{failed}");
    assert!(failed.to_string().contains(&format!("{address} cannot be reached")), "{failed}");
    bench.until(|state| matches!(state, State::Unreachable(_))).await;

    let _relay = bench::Relay::start(address, bench.service.address());
    bench.until(|state| *state == State::Connected).await;
    let attempted = bench.weigh(70, PATIENT).await;
    assert!(attempted.result.is_ok() && attempted.facts.reused, "{attempted:?}");
}

#[tokio::test]
async fn a_wrong_key_fails_every_weighing_until_its_file_is_right() {
    let bench =
        Bench::with(Options { api_key: Some("the-right-one".to_owned()), ..Options::default() }, |_| {})
            .await;
    for _ in 0..2 {
        let failed = failure(bench.weigh(70, PATIENT).await);
        assert_eq!(failed.kind(), "refused");
        assert!(failed.to_string().contains("does not accept the API key (403"), "{failed}");
    }
    bench.until(|state| matches!(state, State::KeyRefused(_))).await;
    std::fs::write(bench.folder.path().join("key"), "the-right-one\n").unwrap();
    let attempted = bench.weigh(70, PATIENT).await;
    assert!(attempted.result.is_ok(), "the file was read again after the refusal");
    assert_eq!(attempted.facts.attempts, 2);
    bench.until(|state| *state == State::Connected).await;
}

#[tokio::test]
async fn without_a_key_no_request_is_made_and_putting_it_there_is_enough() {
    let bench = Bench::with(Options::default(), |settings| {
        std::fs::write(&settings.api_key_file, "unset\n").unwrap();
    })
    .await;
    let attempted = bench.weigh(70, PATIENT).await;
    assert_eq!(attempted.facts.attempts, 0);
    assert_eq!(failure(attempted).kind(), "no_key");
    assert_eq!(bench.service.counters().recognitions, 0);
    bench.until(|state| matches!(state, State::NoKey(_))).await;
    std::fs::write(bench.folder.path().join("key"), KEY).unwrap();
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
}

#[tokio::test]
async fn a_request_with_a_wrong_field_is_refused_in_the_services_words() {
    let bench = Bench::connected(Options { most_bytes: 50_000, ..Options::default() }).await;
    for (body, said) in [
        (Bytes::from_static(b"{}"), "body.device_id: field required; body.images: field required"),
        (Bytes::from_static(b"{"), "JSON decode error"),
        (Bytes::from(vec![b' '; 60_000]), "(413: Request body too large)"),
    ] {
        let failed = failure(bench.session.recognise(body, "01J", PATIENT).await);
        assert_eq!(failed.kind(), "refused");
        assert!(failed.to_string().contains(said), "{failed}");
    }
}

#[tokio::test]
async fn the_connection_is_replaced_by_one_that_works_after_so_many_requests() {
    let bench = Bench::with(Options::default(), |settings| {
        settings.session = toml::from_str("refresh_requests = 3").unwrap();
    })
    .await;
    bench.until(|state| *state == State::Connected).await;
    for grams in 1..=3 {
        assert!(bench.weigh(grams, PATIENT).await.facts.reused);
    }
    let mut counters = bench.service.watch();
    counters.wait_for(|counters| counters.connections == 2 && counters.others == 1).await.unwrap();
    // the old one is let go only when the new one is in its place
    bench.closed(1).await;
    let attempted = bench.weigh(4, PATIENT).await;
    assert!(attempted.result.is_ok() && attempted.facts.reused && attempted.facts.attempts == 1);
    assert_eq!(bench.service.take_requests().last().unwrap().connection, 2);
}

/// Where a subscriber writes when everything is to be seen.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_key_is_in_no_output_at_any_level() {
    let pages = Pages::default();
    let writer = pages.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shown = runtime.block_on(async {
        let bench = Bench::connected(Options::default()).await;
        let mut shown = Vec::new();
        for fault in [Fault::None, Fault::Close, Fault::Status(401, None), Fault::Nonsense, Fault::Truncate] {
            let attempted = bench.fault(fault, PATIENT).await;
            let said = attempted.result.as_ref().map_err(ToString::to_string);
            shown.push(format!("{attempted:?} {said:?}"));
        }
        // a service that repeats the key in its error
        let body = format!(r#"{{"device_id":"{KEY}","images":[{{"camera_type":"{KEY}"}}]}}"#);
        let failed = bench.session.recognise(Bytes::from(body), "01J", PATIENT).await;
        shown.push(format!("{failed:?} {:?}", bench.session));
        shown.join(" ")
    });
    tracing::trace!("the end");
    let logged = String::from_utf8(pages.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the service answers") && logged.contains("the end"), "nothing was captured");
    assert!(!logged.contains(KEY), "the key stands in the log");
    assert!(!shown.contains(KEY), "the key stands in a value that is printed: {shown}");
}
