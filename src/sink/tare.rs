//! Sink `scale-tare`: the tare of the recognised product's wrapping, as a known tare.

use std::sync::Arc;

use super::Sink;
use crate::outcome::Outcome;
use crate::scale::Task;
use crate::serial::Link;
use crate::weight::Weight;

pub(super) struct ScaleTare {
    link: Arc<Link>,
    /// For products that have none of their own.
    otherwise: Option<Weight>,
    set: bool,
}

impl ScaleTare {
    pub(super) const fn new(link: Arc<Link>, otherwise: Option<Weight>) -> Self {
        Self { link, otherwise, set: false }
    }
}

impl Sink for ScaleTare {
    /// A weighing without a product sends nothing.
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let Some(_) = outcome.product_id() else { return Ok(()) };
        let own = outcome.product().and_then(|product| product.tare);
        let Some(tare) = own.or(self.otherwise) else { return Ok(()) };
        self.set = true;
        self.link
            .write(Task::Tare(tare))
            .await
            .map_err(|error| format!("the tare is not on the scale: {error}"))
    }

    fn plate_emptied(&mut self) {
        // The wrapping went with the goods.
        if std::mem::take(&mut self.set) {
            self.link.take_back(Task::Tare(Weight::ZERO));
        }
    }
}
