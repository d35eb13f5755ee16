//! Sink `serial`: another port, a till or a pole display.

use super::Sink;
use super::settings::Texts;
use crate::outcome::Outcome;
use crate::serial::{OpenPort, Port, Trouble};

pub(super) struct Serial {
    port: Port,
    texts: Texts,
    open: Option<OpenPort>,
}

impl Serial {
    pub(super) const fn new(port: Port, texts: Texts) -> Self {
        Self { port, texts, open: None }
    }
}

impl Sink for Serial {
    /// The port is opened with the first outcome and kept. An outcome that cannot be written is not kept: a
    /// till must never get the result of goods that are long gone.
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let text = self.texts.fill(outcome);
        let (port, open) = (self.port.clone(), self.open.take());
        let written = tokio::task::spawn_blocking(move || -> Result<OpenPort, Trouble> {
            let open = match open {
                Some(open) => open,
                None => OpenPort::open(&port)?,
            };
            match open.write_all(text.as_bytes()) {
                Ok(()) => Ok(open),
                Err(Trouble::Gone { .. }) => {
                    // Replugged since the last outcome: the old descriptor is dead, the port may be back.
                    drop(open);
                    let again = OpenPort::open(&port)?;
                    again.write_all(text.as_bytes())?;
                    Ok(again)
                }
                Err(trouble) => Err(trouble),
            }
        });
        let open = written.await.map_err(|error| error.to_string())?;
        self.open = Some(open.map_err(|trouble| trouble.to_string())?);
        Ok(())
    }
}
