//! The counters, in Prometheus' text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::sight::{Sight, WORDS};
use crate::outcome::{Outcome, Took};
use crate::recognition::ResultType;
use crate::scale::Heard;

/// Upper limits of the buckets in seconds: from a picture's tenth of a millisecond to the longest deadline, with
/// the round trips of usual lines (20, 50, 100 ms) apart from each other.
const BUCKETS: [f64; 16] =
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, 10.0, 60.0];
/// The parts of a weighing's time.
const STAGES: [&str; 6] = ["settle", "frame", "picture", "request", "write_back", "total"];

/// How often what took how long.
#[derive(Clone, Copy, Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn note(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        // each bucket holds all below its limit
        for (bucket, limit) in self.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= limit);
        }
    }
}

/// What is counted here, since nobody else does.
#[derive(Debug, Default)]
pub(super) struct Meters {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    results: BTreeMap<(&'static str, &'static str), u64>,
    stages: [Histogram; STAGES.len()],
    readings: u64,
    garbled: u64,
    answers: BTreeMap<u16, u64>,
    turned_away: u64,
}

impl Meters {
    /// Counts a weighing.
    pub(super) fn weighed(&self, outcome: &Outcome) {
        let labels = match &outcome.result {
            Ok(recognition) => (word(&recognition.product.result), ""),
            Err(failed) => ("failed", failed.kind()),
        };
        let Took { settle, frame, picture, request, write_back, total } = outcome.took;
        let mut counted = self.counted();
        *counted.results.entry(labels).or_default() += 1;
        let took = [settle, frame, picture, request, write_back, Some(total)];
        for (histogram, took) in counted.stages.iter_mut().zip(took) {
            if let Some(took) = took {
                histogram.note(took);
            }
        }
    }

    /// Counts a frame of the scale.
    pub(super) fn heard(&self, heard: &Heard) {
        let mut counted = self.counted();
        match heard {
            Heard::Reading(_) => counted.readings += 1,
            Heard::Garbled(_) => counted.garbled += 1,
            Heard::Answer(_) => {}
        }
    }

    /// Counts an answer of the interface itself.
    pub(super) fn answered(&self, status: u16) {
        *self.counted().answers.entry(status).or_default() += 1;
    }

    /// Counts a connection for which there was no room.
    pub(super) fn turned_away(&self) {
        self.counted().turned_away += 1;
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that can be counted.
    pub(super) fn text(&self, sight: &Sight) -> String {
        let mut page = Page::default();
        page.family("scalecam_info", "gauge", "The version of the program.");
        page.sample("scalecam_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("scalecam_simulated", "gauge", "1 if scale, camera or service are simulated.");
        page.sample("scalecam_simulated", &[], u8::from(sight.simulated));
        self.own(&mut page);
        states(&mut page, sight);
        session(&mut page, sight);
        frames(&mut page, sight);
        reports(&mut page, sight);
        page.text
    }

    fn own(&self, page: &mut Page) {
        let counted = self.counted();
        page.family("scalecam_weighings_total", "counter", "Weighings by what became of them.");
        for ((result, error), count) in &counted.results {
            page.sample("scalecam_weighings_total", &[("result", result), ("error", error)], count);
        }
        let name = "scalecam_latency_seconds";
        page.family(name, "histogram", "How long the parts of a weighing took.");
        for (stage, histogram) in STAGES.into_iter().zip(&counted.stages) {
            for (limit, count) in BUCKETS.iter().zip(histogram.buckets) {
                let limit = limit.to_string();
                page.sample(&format!("{name}_bucket"), &[("stage", stage), ("le", &limit)], count);
            }
            page.sample(&format!("{name}_bucket"), &[("stage", stage), ("le", "+Inf")], histogram.count);
            page.sample(&format!("{name}_sum"), &[("stage", stage)], histogram.sum);
            page.sample(&format!("{name}_count"), &[("stage", stage)], histogram.count);
        }
        page.family("scalecam_scale_frames_total", "counter", "Frames of the scale.");
        page.sample("scalecam_scale_frames_total", &[("kind", "reading")], counted.readings);
        page.sample("scalecam_scale_frames_total", &[("kind", "garbled")], counted.garbled);
        page.family("scalecam_local_answers_total", "counter", "Answers of this interface by status.");
        for (status, count) in &counted.answers {
            page.sample("scalecam_local_answers_total", &[("status", &status.to_string())], count);
        }
        page.counter(
            "scalecam_local_turned_away_total",
            "Connections to this interface without room.",
            counted.turned_away,
        );
    }
}

/// The service's word for a result; one that is not known is not passed on, since there could be any number.
const fn word(result: &ResultType) -> &'static str {
    match result {
        ResultType::Recognised => "recognised",
        ResultType::RecognisedBarcodedProduct => "recognised_barcoded_product",
        ResultType::NoKnownProduct => "no_known_product",
        ResultType::Obstructed => "obstructed",
        ResultType::Background => "background",
        ResultType::Unknown(_) => "other",
    }
}

fn states(page: &mut Page, sight: &Sight) {
    let parts = sight.health().parts;
    let present = [Some(parts.scale), Some(parts.camera), Some(parts.service), parts.reports];
    page.family("scalecam_state", "gauge", "1 for the state that each part is in.");
    for ((part, words), present) in WORDS.into_iter().zip(present) {
        let Some(present) = present else { continue };
        for word in words {
            let is = u8::from(present.state == *word);
            page.sample("scalecam_state", &[("part", part), ("state", word)], is);
        }
    }
}

fn session(page: &mut Page, sight: &Sight) {
    let tally = sight.session.tally();
    page.family("scalecam_session_handshakes_total", "counter", "Connections made to the service.");
    let name = "scalecam_session_handshakes_total";
    page.sample(name, &[("tls", "full")], tally.connections.saturating_sub(tally.resumed));
    page.sample(name, &[("tls", "resumed")], tally.resumed);
    let name = "scalecam_session_connections_ended_total";
    page.family(name, "counter", "Connections that ended or did not come about, by reason.");
    page.sample(name, &[("reason", "closed_by_service")], tally.closed_by_service);
    page.sample(name, &[("reason", "replaced")], tally.replaced);
    page.sample(name, &[("reason", "failed_to_connect")], tally.failed_connections);
    page.sample(name, &[("reason", "failed_ping")], tally.failed_pings);
    let name = "scalecam_session_resends_total";
    page.family(name, "counter", "Requests sent again, by reason.");
    page.sample(name, &[("reason", "not_taken")], tally.resent_safely);
    page.sample(name, &[("reason", "kept_connection_ended")], tally.resent_kept);
    page.sample(name, &[("reason", "service_failed")], tally.retried);
    for (name, help, count) in [
        ("scalecam_session_reused_total", "Requests over a connection that was open before.", tally.reused),
        ("scalecam_session_waited_total", "Requests that had to wait for a connection.", tally.waited),
        ("scalecam_session_late_total", "Answers after their deadline.", tally.late),
        ("scalecam_session_pings_total", "Pings answered.", tally.pings),
    ] {
        page.counter(name, help, count);
    }
}

fn frames(page: &mut Page, sight: &Sight) {
    let counts = sight.frames.counts();
    let name = "scalecam_camera_frames_total";
    page.family(name, "counter", "Frames of the camera by what became of them.");
    for (kind, count) in [
        ("kept", counts.frames),
        ("skipped", counts.skipped),
        ("late", counts.late),
        ("lost", counts.lost),
        ("flagged", counts.flagged),
        ("wrong_size", counts.wrong_size),
        ("damaged", counts.damaged),
    ] {
        page.sample(name, &[("kind", kind)], count);
    }
    let name = "scalecam_camera_recoveries_total";
    page.family(name, "counter", "Steps taken to get the camera back.");
    for (step, count) in [
        ("stall", counts.stalls),
        ("restart", counts.restarts),
        ("reopen", counts.reopens),
        ("usb_reset", counts.usb_resets),
    ] {
        page.sample(name, &[("step", step)], count);
    }
}

fn reports(page: &mut Page, sight: &Sight) {
    let Some(reports) = &sight.reports else { return };
    let (counts, missed) = {
        let state = reports.borrow();
        (state.counts, state.missed)
    };
    page.counter("scalecam_audit_missed_total", "Weighings that are missing in the audit trail.", missed);
    page.family("scalecam_reports", "gauge", "Reports that the service does not have yet.");
    page.sample("scalecam_reports", &[("state", "waiting")], counts.waiting);
    page.sample("scalecam_reports", &[("state", "quarantined")], counts.quarantined);
    page.family("scalecam_reports_bytes", "gauge", "What they take.");
    page.sample("scalecam_reports_bytes", &[], counts.bytes);
    if let Some(oldest) = counts.oldest {
        let now = sight.clock.utc_at(sight.clock.now()).timestamp_millis();
        let age = Duration::from_millis(u64::try_from(now.saturating_sub(oldest)).unwrap_or(0));
        page.family("scalecam_reports_oldest_seconds", "gauge", "The age of the oldest one.");
        page.sample("scalecam_reports_oldest_seconds", &[], age.as_secs_f64());
    }
}

/// The page while it is written. Labels are words of this program; none needs a mark of escape.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // writing to a text cannot fail
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, count: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_holds_all_below_its_limit_and_the_limit_itself() {
        let mut histogram = Histogram::default();
        for took in [50, 51] {
            histogram.note(Duration::from_millis(took));
        }
        assert_eq!((histogram.buckets[5], histogram.buckets[6], histogram.buckets[7]), (0, 1, 2));
        histogram.note(Duration::from_secs(61));
        assert_eq!((histogram.buckets[15], histogram.count), (2, 3));
        assert!((histogram.sum - 61.101).abs() < 1e-9);
    }
}
