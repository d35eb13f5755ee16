//! Why a camera does not deliver, as a sentence for the person who can do something about it. Pure.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;

use crate::kernel::Holder;

/// Why capturing ended.
#[derive(Debug)]
pub(super) enum Fault {
    /// It was told to.
    Stopped,
    /// No good frame for this long; whether broken ones came.
    Silent { waited: Duration, broken: bool },
    /// The kernel refused a step.
    Refused { step: Step, error: io::Error },
    /// The device is not what the settings say.
    Unfit(String),
}

/// What was being done with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Identify,
    SetMode,
    StartStream,
    Capture,
}

impl Fault {
    pub(super) fn refused(step: Step) -> impl Fn(io::Error) -> Self {
        move |error| Self::Refused { step, error }
    }

    /// Whether there is no such device.
    pub(super) fn is_absent(&self) -> bool {
        let is_absence = |error: &io::Error| {
            matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NODEV | Errno::NXIO))
        };
        matches!(self, Self::Refused { error, .. } if is_absence(error))
    }

    /// Whether it is the wrong device: one that is no camera, or none that can be used.
    pub(super) fn is_misfit(&self) -> bool {
        let is_no_camera = |error: &io::Error| {
            matches!(Errno::from_io_error(error), Some(Errno::NOTTY | Errno::INVAL | Errno::ISDIR))
        };
        match self {
            Self::Unfit(_) => true,
            Self::Refused { step: Step::Open | Step::Identify, error } => is_no_camera(error),
            Self::Refused { .. } | Self::Silent { .. } | Self::Stopped => false,
        }
    }

    /// Whether another program holds the device.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if Errno::from_io_error(error) == Some(Errno::BUSY))
    }

    /// Whether the device itself went away or cannot be used, so that trying with the open one is in vain.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Stopped | Self::Silent { .. } => false,
            Self::Unfit(_) => true,
            Self::Refused { step, error } => match step {
                Step::Open | Step::Identify if self.is_misfit() => true,
                Step::Open | Step::Identify | Step::SetMode | Step::StartStream | Step::Capture => matches!(
                    Errno::from_io_error(error),
                    Some(
                        Errno::NOENT
                            | Errno::NODEV
                            | Errno::NXIO
                            | Errno::BUSY
                            | Errno::NOSPC
                            | Errno::ACCESS
                            | Errno::PERM
                    )
                ),
            },
        }
    }
}

/// The fault of a device that is gone.
pub(super) fn unplugged() -> Fault {
    Fault::Refused { step: Step::Open, error: Errno::NODEV.into() }
}

/// Says what failed, on which device, and what to do. `holders` are the other programs that have it open.
pub(super) fn sentence(fault: &Fault, device: &Path, holders: &[Holder]) -> String {
    let name = device.display();
    match fault {
        Fault::Stopped => format!("the camera {name} was stopped"),
        Fault::Unfit(why) => why.clone(),
        Fault::Silent { waited, broken: false } => {
            format!("the camera {name} sent no picture for {:.1} s", waited.as_secs_f32())
        }
        Fault::Silent { waited, broken: true } => {
            format!("the camera {name} sent only broken pictures for {:.1} s", waited.as_secs_f32())
        }
        Fault::Refused { step, error } => match Errno::from_io_error(error) {
            Some(Errno::NOENT) => format!(
                "the camera {name} is not there: plug it in, or correct camera.device \
                 (`scalecam devices` lists the cameras)"
            ),
            Some(Errno::NODEV | Errno::NXIO) => format!("the camera {name} was unplugged: plug it in again"),
            Some(Errno::ACCESS | Errno::PERM) => format!(
                "the camera {name} may not be opened: make this program's user a member of the group that \
                 owns it, usually `video`"
            ),
            Some(Errno::BUSY) => busy(device, holders),
            Some(Errno::NOSPC) => format!(
                "the USB bus has no bandwidth left for the camera {name} (\"No space left on device\"): plug \
                 it into a port of its own that shares no hub with another camera, or choose a smaller mode"
            ),
            Some(Errno::NOTTY | Errno::INVAL | Errno::ISDIR)
                if matches!(step, Step::Open | Step::Identify) =>
            {
                format!("{name} is no camera: correct camera.device (`scalecam devices` lists the cameras)")
            }
            _ => format!("the camera {name} {}: {error}", step.failure()),
        },
    }
}

impl Step {
    fn failure(self) -> &'static str {
        match self {
            Self::Open => "cannot be opened",
            Self::Identify => "does not say what it is",
            Self::SetMode => "refused its mode",
            Self::StartStream => "did not start to send pictures",
            Self::Capture => "failed while it was sending pictures",
        }
    }
}

fn busy(device: &Path, holders: &[Holder]) -> String {
    let name = device.display();
    if holders.is_empty() {
        return format!(
            "the camera {name} is in use by another program, which this user may not see: \
             find it with `sudo fuser -v {name}` and stop it"
        );
    }
    let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
    format!("the camera {name} is in use by {}: stop it", names.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(step: Step, errno: Errno, holders: &[Holder]) -> String {
        sentence(&Fault::Refused { step, error: errno.into() }, Path::new("/dev/video0"), holders)
    }

    #[test]
    fn the_usual_refusals_say_what_to_do() {
        let space = said(Step::StartStream, Errno::NOSPC, &[]);
        assert!(space.starts_with("the USB bus has no bandwidth left for the camera /dev/video0"), "{space}");
        assert!(said(Step::Open, Errno::ACCESS, &[]).contains("usually `video`"));
        assert!(said(Step::Open, Errno::NOENT, &[]).contains("is not there: plug it in"));
        assert!(said(Step::Capture, Errno::NODEV, &[]).ends_with("was unplugged: plug it in again"));
        assert!(said(Step::Identify, Errno::NOTTY, &[]).starts_with("/dev/video0 is no camera"));
        let strange = said(Step::StartStream, Errno::PROTO, &[]);
        assert!(strange.starts_with("the camera /dev/video0 did not start to send pictures: "), "{strange}");
    }

    #[test]
    fn a_busy_camera_names_its_holders() {
        let holder = |pid, name: &str| Holder { pid, name: name.to_owned() };
        assert_eq!(
            said(Step::SetMode, Errno::BUSY, &[holder(41, "motion"), holder(77, "cheese")]),
            "the camera /dev/video0 is in use by motion (pid 41) and cheese (pid 77): stop it"
        );
        assert!(said(Step::SetMode, Errno::BUSY, &[]).contains("sudo fuser -v /dev/video0"));
    }

    #[test]
    fn silence_tells_whether_anything_came() {
        let silent = |broken| Fault::Silent { waited: Duration::from_millis(1_500), broken };
        let said = |broken| sentence(&silent(broken), Path::new("/dev/video0"), &[]);
        assert_eq!(said(false), "the camera /dev/video0 sent no picture for 1.5 s");
        assert_eq!(said(true), "the camera /dev/video0 sent only broken pictures for 1.5 s");
    }
}
