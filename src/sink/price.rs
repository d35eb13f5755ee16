//! Sink `scale-price`: the unit price of the recognised product, for a scale that computes what the goods cost.

use std::sync::Arc;

use super::Sink;
use crate::outcome::Outcome;
use crate::scale::Task;
use crate::serial::Link;

pub(super) struct ScalePrice {
    link: Arc<Link>,
    set: bool,
}

impl ScalePrice {
    pub(super) const fn new(link: Arc<Link>) -> Self {
        Self { link, set: false }
    }
}

impl Sink for ScalePrice {
    /// A product without a price in the settings, and a weighing without a product, send nothing.
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let Some(price) = outcome.product().and_then(|product| product.price) else { return Ok(()) };
        self.set = true;
        self.link
            .write(Task::Price(price))
            .await
            .map_err(|error| format!("the price is not on the scale: {error}"))
    }

    fn plate_emptied(&mut self) {
        // The price belongs to goods that are gone.
        if std::mem::take(&mut self.set) {
            self.link.take_back(Task::Price(0));
        }
    }
}
