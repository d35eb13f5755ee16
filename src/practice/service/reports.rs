//! Takes reports the way the real service does. Pure.

use chrono::DateTime;
use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::BASE;

/// How the practice service's own recognitions begin.
pub(super) const OWN: &str = "5ca1ecab-";
/// How a selection may have come about.
const METHODS: [&str; 3] = ["automatic", "manual", "recognition_unused"];
/// The longest name of a transaction or a line.
const MOST_NAME: usize = 50;

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// What was chosen after this recognition.
    Selection(String),
    /// What became of the goods of this recognition.
    Transaction(String),
    /// The same for several.
    Batch,
}

/// Where a path leads, if it is a report's.
pub(super) fn route(path: &str) -> Option<Route> {
    let rest = path.strip_prefix(BASE)?.strip_prefix("recognition/")?;
    match rest.split_once('/')? {
        ("transaction_events", "batch") => Some(Route::Batch),
        (id, "selection_report") => Some(Route::Selection(id.to_owned())),
        (id, "transaction_events") => Some(Route::Transaction(id.to_owned())),
        _ => None,
    }
}

/// The status and the body that a report is answered with.
pub(super) fn take(route: &Route, body: &[u8]) -> (StatusCode, Value) {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return refused(&[("", "body must be an object")]);
    };
    match route {
        Route::Selection(id) | Route::Transaction(id) if !id.starts_with(OWN) => {
            (StatusCode::NOT_FOUND, json!({"detail": "recognition not found"}))
        }
        Route::Selection(id) => match selection(&body).as_slice() {
            [] => (StatusCode::OK, json!({"recognition_id": id, "loss_detection": {"status": "none"}})),
            found => refused(found),
        },
        Route::Transaction(_) => match transaction(&body).as_slice() {
            [] => {
                let id = ulid::Ulid::generate().to_string();
                let event =
                    json!({"transaction_event_id": id, "type": body.get("type"), "time": body.get("time")});
                (StatusCode::OK, event)
            }
            found => refused(found),
        },
        Route::Batch => match body.get("transaction_events").and_then(Value::as_array) {
            Some(events) => (StatusCode::OK, json!({"data": events.iter().map(line).collect::<Vec<_>>()})),
            None => refused(&[("transaction_events", "field required")]),
        },
    }
}

fn line(event: &Value) -> Value {
    let id = event.get("recognition_id").and_then(Value::as_str).unwrap_or_default();
    let found = event.as_object().map(transaction).unwrap_or_default();
    let reason = if id.starts_with(OWN) { found.first().map(|(_, what)| *what) } else { Some("not found") };
    let result = if reason.is_none() { "success" } else { "failed" };
    json!({"recognition_id": id, "result": result, "reason": reason})
}

fn selection(body: &Map<String, Value>) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let method = text(body, "selection_method");
    if !method.is_some_and(|method| METHODS.contains(&method)) {
        found.push(("selection_method", "value is not a valid enumeration member"));
    }
    if method != Some("recognition_unused") && text(body, "selected_product_id").is_none() {
        found.push(("selected_product_id", "field required"));
    }
    for name in ["transaction_id", "line_item_id"] {
        let length = body.get(name).map(|value| value.as_str().map_or(0, str::len));
        if length.is_some_and(|length| !(1..=MOST_NAME).contains(&length)) {
            found.push((name, "must have 1 to 50 characters"));
        }
    }
    found.extend(time(body, "selection_time"));
    found
}

fn transaction(body: &Map<String, Value>) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    if text(body, "type").is_none() {
        found.push(("type", "field required"));
    }
    found.extend(time(body, "time"));
    found
}

fn time(body: &Map<String, Value>, name: &'static str) -> Option<(&'static str, &'static str)> {
    let valid = text(body, name).is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok());
    (!valid).then_some((name, "invalid datetime format"))
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn refused(found: &[(&str, &str)]) -> (StatusCode, Value) {
    let findings: Vec<_> = found
        .iter()
        .map(|(name, what)| json!({"loc": ["body", name], "msg": what, "type": "value_error"}))
        .collect();
    (StatusCode::UNPROCESSABLE_ENTITY, json!({ "detail": findings }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(route: &Route, body: &str) -> u16 {
        take(route, body.as_bytes()).0.as_u16()
    }

    #[test]
    fn paths_lead_to_reports() {
        assert_eq!(route("/v1/15/recognition/x/selection_report"), Some(Route::Selection("x".to_owned())));
        assert_eq!(
            route("/v1/15/recognition/x/transaction_events"),
            Some(Route::Transaction("x".to_owned()))
        );
        assert_eq!(route("/v1/15/recognition/transaction_events/batch"), Some(Route::Batch));
        for other in
            ["/v1/15/recognition/", "/v1/15/recognition/x", "/v1/14/recognition/x/selection_report", "/"]
        {
            assert_eq!(route(other), None, "{other}");
        }
    }

    #[test]
    fn every_field_is_checked() {
        let own = Route::Selection(format!("{OWN}1"));
        let good = r#"{"selection_method":"manual","selected_product_id":"7","selection_time":"2026-11-22T10:15:30Z"}"#;
        assert_eq!(status(&own, good), 200);
        assert_eq!(status(&Route::Selection("other".to_owned()), good), 404);
        assert_eq!(
            status(&own, &good.replace("manual", "recognition_unused").replace("selected_product_id", "x")),
            200
        );
        for wrong in [
            good.replace("manual", "guessed"),
            good.replace("selected_product_id", "x"),
            good.replace("10:15:30Z", "10:15"),
            good.replace("\"7\"", "\"7\",\"transaction_id\":\"\""),
            "[]".to_owned(),
        ] {
            assert_eq!(status(&own, &wrong), 422, "{wrong}");
        }
        let event = Route::Transaction(format!("{OWN}1"));
        assert_eq!(status(&event, r#"{"type":"completed","time":"2026-11-22T10:15:30Z"}"#), 200);
        assert_eq!(status(&event, r#"{"time":"2026-11-22T10:15:30Z"}"#), 422);
    }

    #[test]
    fn a_batch_is_answered_line_by_line() {
        let body = r#"{"transaction_events":[{"recognition_id":"5ca1ecab-1","type":"t","time":"2026-11-22T10:15:30Z"},{"recognition_id":"x"}]}"#;
        let (_, answer) = take(&Route::Batch, body.as_bytes());
        assert_eq!(answer["data"][0]["result"], "success");
        assert_eq!(answer["data"][1]["result"], "failed");
        assert_eq!(status(&Route::Batch, "{}"), 422);
    }
}
