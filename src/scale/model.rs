//! A maker's variant of a family: what a site names where makers differ.

use super::{Line, Profile, Talk, Writes};

/// One variant of a family.
///
/// Without one a family is read as its makers agree, and what they do not agree on is not believed. With one the
/// frames of the other variants are refused.
#[derive(Debug)]
pub struct Model {
    /// The name in the settings.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Speed and framing, where they differ from the family's.
    pub line: Option<Line>,
    /// Who speaks first, where that differs.
    pub talk: Option<Talk>,
    /// What it takes from the host, where that differs.
    pub writes: Option<Writes>,
}

impl Model {
    /// A variant that differs in its frames alone.
    pub(super) const fn of(name: &'static str, title: &'static str) -> Self {
        Self { name, title, line: None, talk: None, writes: None }
    }

    /// The same, that takes more from the host, or less.
    pub(super) const fn taking(self, writes: Writes) -> Self {
        Self { writes: Some(writes), ..self }
    }

    /// The same on another line.
    pub(super) const fn on(self, line: Line) -> Self {
        Self { line: Some(line), ..self }
    }

    /// The same, talked to in another way.
    pub(super) const fn talking(self, talk: Talk) -> Self {
        Self { talk: Some(talk), ..self }
    }
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Model {}

impl super::Family {
    /// The variant of that name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&'static Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Speed and framing of a variant, or of most.
    #[must_use]
    pub fn line_of(&self, model: Option<&Model>) -> Line {
        model.and_then(|model| model.line).unwrap_or(self.line)
    }

    /// How a variant is talked to, or most are.
    #[must_use]
    pub fn talk_of(&self, model: Option<&Model>) -> Talk {
        model.and_then(|model| model.talk).unwrap_or(self.talk)
    }

    /// What a variant takes from the host, or all do.
    #[must_use]
    pub fn writes_of(&self, model: Option<&Model>) -> Writes {
        model.and_then(|model| model.writes).unwrap_or(self.writes)
    }
}

impl Profile {
    /// Whether the site named that variant.
    pub(super) fn is(&self, name: &str) -> bool {
        self.model.is_some_and(|model| model.name == name)
    }

    /// Whether the site named another variant than that.
    pub(super) fn is_other_than(&self, name: &str) -> bool {
        self.model.is_some_and(|model| model.name != name)
    }
}
