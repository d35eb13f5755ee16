//! Sink `scale-display`: the scale's own display.

use std::sync::Arc;

use super::Sink;
use super::settings::Texts;
use crate::outcome::Outcome;
use crate::scale::Task;
use crate::serial::Link;

pub(super) struct ScaleDisplay {
    link: Arc<Link>,
    texts: Texts,
    showing: bool,
}

impl ScaleDisplay {
    pub(super) const fn new(link: Arc<Link>, texts: Texts) -> Self {
        Self { link, texts, showing: false }
    }
}

impl Sink for ScaleDisplay {
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let text = self.texts.fill(outcome);
        self.link
            .write(Task::Show(text))
            .await
            .map_err(|error| format!("the text is not on the display: {error}"))?;
        self.showing = true;
        Ok(())
    }

    fn plate_emptied(&mut self) {
        // The weight belongs on the display as soon as the goods are gone.
        if std::mem::take(&mut self.showing) {
            self.link.take_back(Task::Clear);
        }
    }
}
