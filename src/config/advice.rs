//! What settings may leave out and better do not.

use super::{Config, PortName};

impl Config {
    /// What is allowed and better not left so: a sentence for a technician, if there is anything to say.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let scale = &self.scale;
        let is_device = matches!(scale.port, PortName::Device(_));
        (is_device && !scale.family.sends_unit && scale.profile.unit.is_none()).then(|| {
            format!(
                "scale.unit is not set, and {} does not send it: a frame that lost a digit can pass for one in \
                 another unit; set it to the unit on the scale's display",
                scale.family.name
            )
        })
    }
}
