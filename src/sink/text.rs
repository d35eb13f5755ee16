//! The text that a display or a till gets: a template with the outcome's words in it. Pure.

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::outcome::Outcome;

/// A text with places for the outcome's words, checked when the settings are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// What can stand in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Product,
    ProductId,
    Weight,
    Grams,
    Result,
    Weighing,
    Time,
}

const PLACES: [(&str, Place); 7] = [
    ("product", Place::Product),
    ("product_id", Place::ProductId),
    ("weight", Place::Weight),
    ("grams", Place::Grams),
    ("result", Place::Result),
    ("weighing", Place::Weighing),
    ("time", Place::Time),
];

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATemplate {
    /// An unknown word in braces.
    #[error(
        "{{{0}}} is not known; use {{product}}, {{product_id}}, {{weight}}, {{grams}}, {{result}}, {{weighing}}, {{time}}"
    )]
    Unknown(String),
    /// A brace that is not closed.
    #[error("a brace is not closed; write {{{{ for a brace itself")]
    Open,
}

impl Template {
    /// Reads a template. `{{` and `}}` stand for the braces themselves.
    pub fn parse(text: &str) -> Result<Self, NotATemplate> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once(['{', '}']) {
            plain.push_str(before);
            let brace = rest.get(before.len()..=before.len()).unwrap_or_default();
            if let Some(doubled) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = doubled;
                continue;
            }
            let (name, behind) = after.split_once('}').filter(|_| brace == "{").ok_or(NotATemplate::Open)?;
            let place = PLACES.iter().find(|(known, _)| *known == name).map(|&(_, place)| place);
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Place(place.ok_or_else(|| NotATemplate::Unknown(name.to_owned()))?));
            rest = behind;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self { parts })
    }

    /// The text for one outcome. What the outcome does not have is left empty, never made up.
    #[must_use]
    pub fn fill(&self, outcome: &Outcome) -> String {
        let id = outcome.product_id();
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(Place::Product) => {
                    let name =
                        id.map(|id| outcome.products.get(id).map_or(id, |product| product.name.as_str()));
                    text.push_str(name.unwrap_or_default());
                }
                Part::Place(Place::ProductId) => text.push_str(id.unwrap_or_default()),
                Part::Place(Place::Weight) => {
                    let shown = outcome.quantity.map(|quantity| format!("{quantity} {}", quantity.unit()));
                    text.push_str(&shown.unwrap_or_default());
                }
                Part::Place(Place::Grams) => {
                    text.push_str(
                        &outcome.quantity.map(|quantity| quantity.weight().grams()).unwrap_or_default(),
                    );
                }
                Part::Place(Place::Result) => text.push_str(outcome.word()),
                Part::Place(Place::Weighing) => text.push_str(&outcome.weighing),
                Part::Place(Place::Time) => text.push_str(&crate::stamp::iso_utc(outcome.settled_at)),
            }
        }
        text
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}
