//! The capture as a backend of nokhwa, whose `Camera` the camera's thread works with.
//!
//! nokhwa's own Linux backend returns the whole buffer instead of the bytes used, drops the driver's error
//! flag, waits without a limit and opens devices by number alone. What its types have no place for (the
//! sequence number, the monotonic stamp, why a step failed) the thread takes from the shared [`Capture`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use nokhwa::camera_traits::CaptureBackendTrait;
use nokhwa::utils::{
    ApiBackend, CameraControl, CameraFormat, CameraIndex, CameraInfo, ControlValueDescription,
    ControlValueSetter, FrameFormat, KnownCameraControl, KnownCameraControlFlag, Resolution,
};
use nokhwa::{Buffer, Camera, NokhwaError};

use super::capture::Capture;
use super::fault::Fault;
use super::modes::{self, Wish};
use crate::camera::PixelFormat;
use crate::kernel::video::{Control, ControlKind, Entry, FourCc, Interval};

/// A capture as nokhwa sees it.
struct Backend {
    capture: Rc<RefCell<Capture>>,
    info: CameraInfo,
}

/// The camera of a capture, as the rest of the program works with it.
pub(super) fn camera(capture: &Rc<RefCell<Capture>>, node: &str) -> Camera {
    let index = CameraIndex::String(node.to_owned());
    let (card, bus) = {
        let capture = capture.borrow();
        (capture.identity().card.clone(), capture.identity().bus.clone())
    };
    let info = CameraInfo::new(&card, &bus, node, index.clone());
    let backend = Backend { capture: Rc::clone(capture), info };
    Camera::with_custom(index, ApiBackend::Video4Linux, Box::new(backend))
}

/// `V4L2_CTRL_FLAG_…` of `linux/videodev2.h`.
const DISABLED: u32 = 0x1;
const READ_ONLY: u32 = 0x4;
const INACTIVE: u32 = 0x10;
const WRITE_ONLY: u32 = 0x40;

impl Backend {
    /// Keeps the fault for the thread and returns its text for nokhwa.
    fn told(&self, fault: Fault) -> String {
        self.capture.borrow_mut().keep_fault(fault)
    }

    fn describe(&self, control: &Control) -> CameraControl {
        let value = self.capture.borrow().device().value(control.id).unwrap_or(control.default).into();
        let (min, max, default) = (control.minimum.into(), control.maximum.into(), control.default.into());
        let description = match control.kind {
            ControlKind::Switch => {
                ControlValueDescription::Boolean { value: value != 0, default: default != 0 }
            }
            ControlKind::Menu | ControlKind::NumberMenu => {
                ControlValueDescription::Enum { value, possible: (min..=max).collect(), default }
            }
            ControlKind::Integer | ControlKind::Other => {
                ControlValueDescription::IntegerRange { min, max, value, step: control.step.into(), default }
            }
        };
        let flags = [
            (READ_ONLY, KnownCameraControlFlag::ReadOnly),
            (WRITE_ONLY, KnownCameraControlFlag::WriteOnly),
            (DISABLED, KnownCameraControlFlag::Disabled),
        ];
        let flags =
            flags.into_iter().filter(|(bit, _)| control.flags & bit != 0).map(|(_, flag)| flag).collect();
        let id = KnownCameraControl::Other(control.id.into());
        let active = control.flags & (DISABLED | INACTIVE) == 0;
        CameraControl::new(id, control.name.clone(), description, flags, active)
    }

    fn controls(&self) -> Result<Vec<Control>, NokhwaError> {
        match self.capture.borrow().device().controls() {
            (none, Some(error)) if none.is_empty() => Err(property("controls", &error)),
            (controls, _) => Ok(controls),
        }
    }

    fn formats(&self) -> Result<Vec<FourCc>, NokhwaError> {
        let formats = self.capture.borrow().device().formats();
        formats.map_err(|error| property("formats", &error))
    }
}

fn property(property: &str, error: &std::io::Error) -> NokhwaError {
    NokhwaError::GetPropertyError { property: property.to_owned(), error: error.to_string() }
}

/// What nokhwa calls a format.
fn frame_format(pixels: PixelFormat) -> FrameFormat {
    match pixels {
        PixelFormat::Jpeg => FrameFormat::MJPEG,
        PixelFormat::Yuyv => FrameFormat::YUYV,
        PixelFormat::Nv12 => FrameFormat::NV12,
        PixelFormat::Grey => FrameFormat::GRAY,
    }
}

/// The number of V4L2 behind a control: nokhwa's own names mean relative controls in places, so only numbers
/// are taken.
fn number(id: KnownCameraControl) -> Result<u32, NokhwaError> {
    let number = if let KnownCameraControl::Other(number) = id { u32::try_from(number).ok() } else { None };
    number.ok_or_else(|| NokhwaError::GetPropertyError {
        property: id.to_string(),
        error: "controls are named by their V4L2 number".to_owned(),
    })
}

impl CaptureBackendTrait for Backend {
    fn backend(&self) -> ApiBackend {
        ApiBackend::Video4Linux
    }

    fn camera_info(&self) -> &CameraInfo {
        &self.info
    }

    fn refresh_camera_format(&mut self) -> Result<(), NokhwaError> {
        // The mode is settled with the driver whenever it changes, and nobody else can change it meanwhile.
        Ok(())
    }

    fn camera_format(&self) -> CameraFormat {
        let capture = self.capture.borrow();
        let mode = capture.mode();
        let pixels = modes::known(mode.format).unwrap_or(PixelFormat::Jpeg);
        CameraFormat::new_from(mode.width, mode.height, frame_format(pixels), mode.fps(capture.wish()))
    }

    fn set_camera_format(&mut self, format: CameraFormat) -> Result<(), NokhwaError> {
        let wish = Wish { width: format.width(), height: format.height(), fps: format.frame_rate() };
        let changed = self.capture.borrow_mut().change(wish);
        changed.map_err(|fault| NokhwaError::SetPropertyError {
            property: "format".to_owned(),
            value: format.to_string(),
            error: self.told(fault),
        })?;
        let now = self.camera_format();
        if now == format {
            return Ok(());
        }
        let error = format!("the camera's nearest is {now}");
        Err(NokhwaError::SetPropertyError { property: "format".to_owned(), value: format.to_string(), error })
    }

    fn compatible_list_by_resolution(
        &mut self,
        fourcc: FrameFormat,
    ) -> Result<HashMap<Resolution, Vec<u32>>, NokhwaError> {
        let matching = |code: &FourCc| modes::known(*code).map(frame_format) == Some(fourcc);
        let formats: Vec<FourCc> = self.formats()?.into_iter().filter(matching).collect();
        let capture = self.capture.borrow();
        let mut list: HashMap<Resolution, Vec<u32>> = HashMap::new();
        for format in formats {
            for size in capture.device().sizes(format).map_err(|error| property("sizes", &error))? {
                let (Entry::One(size) | Entry::Range(_, size, _)) = size;
                let entries = capture.device().intervals(format, size);
                let rates = list.entry(Resolution::new(size.0, size.1)).or_default();
                for entry in entries.map_err(|error| property("intervals", &error))? {
                    let (Entry::One(interval) | Entry::Range(interval, ..)) = entry;
                    rates.extend(rate(interval));
                }
            }
        }
        Ok(list)
    }

    fn compatible_fourcc(&mut self) -> Result<Vec<FrameFormat>, NokhwaError> {
        let mut formats: Vec<FrameFormat> =
            self.formats()?.into_iter().filter_map(modes::known).map(frame_format).collect();
        formats.dedup();
        Ok(formats)
    }

    fn resolution(&self) -> Resolution {
        self.camera_format().resolution()
    }

    fn set_resolution(&mut self, resolution: Resolution) -> Result<(), NokhwaError> {
        let now = self.camera_format();
        self.set_camera_format(CameraFormat::new(resolution, now.format(), now.frame_rate()))
    }

    fn frame_rate(&self) -> u32 {
        self.camera_format().frame_rate()
    }

    fn set_frame_rate(&mut self, fps: u32) -> Result<(), NokhwaError> {
        let now = self.camera_format();
        self.set_camera_format(CameraFormat::new(now.resolution(), now.format(), fps))
    }

    fn frame_format(&self) -> FrameFormat {
        self.camera_format().format()
    }

    fn set_frame_format(&mut self, format: FrameFormat) -> Result<(), NokhwaError> {
        let now = self.camera_format();
        self.set_camera_format(CameraFormat::new(now.resolution(), format, now.frame_rate()))
    }

    fn camera_control(&self, id: KnownCameraControl) -> Result<CameraControl, NokhwaError> {
        let wanted = number(id)?;
        let found = self.controls()?.into_iter().find(|control| control.id == wanted);
        found.map(|control| self.describe(&control)).ok_or_else(|| NokhwaError::GetPropertyError {
            property: id.to_string(),
            error: "the camera has no such control".to_owned(),
        })
    }

    fn camera_controls(&self) -> Result<Vec<CameraControl>, NokhwaError> {
        Ok(self.controls()?.iter().map(|control| self.describe(control)).collect())
    }

    fn set_camera_control(
        &mut self,
        id: KnownCameraControl,
        value: ControlValueSetter,
    ) -> Result<(), NokhwaError> {
        let wanted = match &value {
            ControlValueSetter::Integer(number) | ControlValueSetter::EnumValue(number) => {
                i32::try_from(*number).ok()
            }
            ControlValueSetter::Boolean(on) => Some(i32::from(*on)),
            ControlValueSetter::None
            | ControlValueSetter::Float(_)
            | ControlValueSetter::String(_)
            | ControlValueSetter::Bytes(_)
            | ControlValueSetter::KeyValue(..)
            | ControlValueSetter::Point(..)
            | ControlValueSetter::RGB(..) => None,
        };
        let refused = |error: String| NokhwaError::SetPropertyError {
            property: id.to_string(),
            value: format!("{value:?}"),
            error,
        };
        let number = number(id)?;
        let wanted = wanted.ok_or_else(|| refused("controls take whole numbers and switches".to_owned()))?;
        let set = self.capture.borrow_mut().device_mut().set_value(number, wanted);
        set.map_err(|error| refused(error.to_string()))
    }

    fn open_stream(&mut self) -> Result<(), NokhwaError> {
        let started = self.capture.borrow_mut().start();
        started.map_err(|fault| NokhwaError::OpenStreamError(self.told(fault)))
    }

    fn is_stream_open(&self) -> bool {
        self.capture.borrow().is_streaming()
    }

    fn frame(&mut self) -> Result<Buffer, NokhwaError> {
        let bytes = self.frame_raw()?.into_owned();
        let taken =
            self.capture.borrow_mut().take_about().map(|about| Duration::from_nanos(about.taken.as_nanos()));
        let format = self.camera_format();
        Ok(Buffer::with_timestamp(format.resolution(), &bytes, format.format(), taken))
    }

    fn frame_raw(&mut self) -> Result<Cow<'_, [u8]>, NokhwaError> {
        let next = self.capture.borrow_mut().next();
        next.map(Cow::Owned).map_err(|fault| NokhwaError::ReadFrameError(self.told(fault)))
    }

    fn stop_stream(&mut self) -> Result<(), NokhwaError> {
        self.capture.borrow_mut().stop();
        Ok(())
    }
}

/// Whole frames a second.
fn rate(interval: Interval) -> Option<u32> {
    interval.denominator.checked_div(interval.numerator).filter(|rate| *rate > 0)
}
