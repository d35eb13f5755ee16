//! What a fault makes of an answer.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::options::Fault;
use super::serve::{Answer, Visit, insert, say, with};
use super::wire::{Endless, Wire};

/// Between two bytes of an answer that dribbles, and of a slow one.
const DRIBBLE: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_secs(1);

impl Visit {
    /// Does to the answer what the fault says.
    pub(super) async fn spoil(&self, fault: Fault, mut answer: Response<Full<Bytes>>) -> Answer {
        match fault {
            Fault::None => Ok(answer),
            Fault::Hang => std::future::pending().await,
            Fault::Close => self.take_over(Wire::Close),
            Fault::Reset | Fault::ResetEarly => self.take_over(Wire::Reset),
            Fault::PartialHead => self.take_over(Wire::PartialHead),
            Fault::CloseAfter => self.take_over(Wire::Whole(body_of(answer).await)),
            Fault::Truncate => self.take_over(Wire::Half(body_of(answer).await)),
            Fault::Dribble => self.take_over(Wire::Dribble(body_of(answer).await, DRIBBLE)),
            Fault::Slow => self.take_over(Wire::Dribble(body_of(answer).await, SLOW)),
            Fault::Endless => self.take_over(Wire::Endless(Endless::Body)),
            Fault::EndlessHead => self.take_over(Wire::Endless(Endless::Head)),
            Fault::EndlessInterim => self.take_over(Wire::Endless(Endless::Interim)),
            Fault::Huge => self.take_over(Wire::Endless(Endless::Huge)),
            Fault::AnnouncedClose => {
                insert(&mut answer, CONNECTION.as_str(), "close");
                Ok(answer)
            }
            Fault::Status(code, after) => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut answer = say(status, &json!({"detail": format!("practice fault {code}")}));
                if let Some(after) = after {
                    insert(&mut answer, RETRY_AFTER.as_str(), &after);
                }
                Ok(answer)
            }
            Fault::Nonsense => Ok(with(StatusCode::OK, "application/json", "}{ 42 practice".to_owned())),
            Fault::WebPage => {
                Ok(with(StatusCode::OK, "text/html; charset=utf-8", "<html>Log in first</html>".to_owned()))
            }
            Fault::Picture => Ok(with(StatusCode::OK, "image/png", "\u{89}PNG\r\n\u{1a}\n".to_owned())),
            Fault::Redirect(to) => {
                let mut away = say(StatusCode::TEMPORARY_REDIRECT, &json!({}));
                insert(&mut away, LOCATION.as_str(), &to);
                Ok(away)
            }
        }
    }
}

async fn body_of(answer: Response<Full<Bytes>>) -> Bytes {
    match answer.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    }
}
