//! Sink `scale-beep`: the scale's own buzzer.

use std::sync::Arc;

use super::Sink;
use super::settings::BeepOn;
use crate::outcome::Outcome;
use crate::scale::Task;
use crate::serial::Link;

pub(super) struct ScaleBeep {
    link: Arc<Link>,
    on: BeepOn,
}

impl ScaleBeep {
    pub(super) const fn new(link: Arc<Link>, on: BeepOn) -> Self {
        Self { link, on }
    }
}

impl Sink for ScaleBeep {
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let wanted = match self.on {
            BeepOn::Recognised => outcome.product_id().is_some(),
            BeepOn::Otherwise => outcome.product_id().is_none(),
            BeepOn::Always => true,
        };
        if !wanted {
            return Ok(());
        }
        self.link.write(Task::Beep).await.map_err(|error| format!("the scale did not beep: {error}"))
    }
}
